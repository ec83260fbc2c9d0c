"""Keeps the sensor running: health, metrics, restarts, the config, and takeover by a standby."""
