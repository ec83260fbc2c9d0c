"""Try the pack without HipChat and without StackStorm; for trying and for tests only."""
