"""Small models, servers and collections that tests make."""
