"""The checks of `hipchat.check`."""
