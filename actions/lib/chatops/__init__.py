"""ChatOps: runs StackStorm's action aliases for chat messages, and formats the replies."""
