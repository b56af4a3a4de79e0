"""One of several candidates, chosen by what is known of other queries."""
