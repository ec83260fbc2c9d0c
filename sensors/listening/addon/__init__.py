"""Makes the pack a HipChat add-on: its descriptor, and the handling of its installation."""
