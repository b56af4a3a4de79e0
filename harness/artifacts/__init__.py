"""What flows between stages; each kind lives in a module of its own."""
