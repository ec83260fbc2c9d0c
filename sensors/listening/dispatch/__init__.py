"""From the spool to StackStorm's triggers."""
