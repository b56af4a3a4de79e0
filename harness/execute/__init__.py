"""Plan to store: what is not there is made."""
