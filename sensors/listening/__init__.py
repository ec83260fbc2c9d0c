"""The sensor, from the socket to the trigger. It imports nothing of StackStorm's."""
