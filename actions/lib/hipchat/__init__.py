"""HipChat for StackStorm: what the pack's actions and its sensor share. Imports no StackStorm."""
