"""Every delay, timeout and period of the actions and of the API client, in seconds.

Modules write `from hipchat import timing` and `timing.NAME`, so that a test can set one. What only
the sensor does has its times in sensors/listening/timing.py.
"""

# HTTP calls, to HipChat and to StackStorm

RETRY_DELAYS = (0.5, 1.5)
"""Before each further attempt of a request that can do no harm; none begins after its timeout."""
STACKSTORM_TIMEOUT = 30.0
"""For a response of StackStorm's API. HipChat's is the config's `timeout`."""

# HipChat's rate limit and tokens

RATE_WINDOW = 300.0
"""HipChat's window for counting calls; what is waited where it announces no end of it."""
RATE_DELAY_MIN = 1.0
"""Before a call that was refused for the limit: ends of windows are rounded, and clocks differ."""
RATE_DELAY_MAX = 3600.0
"""The longest announced wait that is believed."""
TOKEN_RENEWAL_DELAY = 60.0
"""Before its end an integration's token is renewed."""
TOKEN_ENDS_SOON = 14 * 86400.0
"""Before its end hipchat.check and /health ask for a new personal token."""

# Room history

CLOCK_STEP = 3600.0
"""By which HipChat's clock may be set back. A search for a vanished message reads so much more."""
