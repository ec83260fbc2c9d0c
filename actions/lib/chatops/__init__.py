"""ChatOps: lines of chat that run StackStorm's aliases, and what comes of them."""
