"""The pictures of a report, and the helpers that draw them."""
