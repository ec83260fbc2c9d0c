"""Calls to HipChat's REST API, version 2."""
