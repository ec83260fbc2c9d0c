"""Dispatches deliveries from the spool (the queue on disk) to StackStorm's triggers."""
