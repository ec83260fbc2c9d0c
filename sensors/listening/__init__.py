"""The sensor's own code, from HipChat's HTTP request to the call that publishes a trigger.

This package imports nothing from StackStorm; sensors/stackstorm/ does.
"""
