"""Runs the pack without HipChat and without StackStorm, for trying it and for tests only."""

import warnings

# StackStorm runs on Eventlet, so the sandbox does too: its users cannot act on the warning.
warnings.filterwarnings("ignore", r"\s*Eventlet is deprecated")
