"""Keeps HipChat's webhooks equal to what enabled rules need."""
