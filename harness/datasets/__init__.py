"""Sources of collections, one module each, and the check for anomalies in a collection."""
