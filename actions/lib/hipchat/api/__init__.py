"""Calls to HipChat's API v2."""
