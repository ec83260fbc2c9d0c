"""The checks that the action hipchat.check makes, except those of ChatOps: chatops/checkup.py."""
