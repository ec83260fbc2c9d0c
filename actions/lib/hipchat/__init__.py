"""HipChat code that the pack's actions and its sensor share. Imports no StackStorm."""
