"""ChatOps: runs StackStorm's action aliases by commands in chat, and formats the replies."""
