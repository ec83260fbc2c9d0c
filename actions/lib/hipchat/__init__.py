"""The code that the pack's actions and its sensor share. It imports nothing of StackStorm's."""
