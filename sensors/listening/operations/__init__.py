"""Health, supervision and the watch on the config."""
