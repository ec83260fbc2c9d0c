"""Try the pack without HipChat and without StackStorm; for trying and for tests only."""

import warnings

# StackStorm runs on Eventlet, so the sandbox does too; nobody can act on the warning here.
warnings.filterwarnings("ignore", r"\s*Eventlet is deprecated")
