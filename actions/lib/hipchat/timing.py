"""Every delay, timeout and period of the actions and of the API client, in seconds.

Modules write `from hipchat import timing` and `timing.NAME`, so that a test can change a value. The
times that only the sensor uses are in sensors/listening/timing.py.
"""

# HTTP calls, to HipChat and to StackStorm

RETRY_DELAYS = (0.5, 1.5)
"""Delays before the retries of a request that is safe to repeat; no retry begins after the timeout.
"""
STACKSTORM_TIMEOUT = 30.0
"""Timeout of a call to StackStorm's API. The timeout for HipChat is the config's `timeout`."""

# HipChat's rate limit and tokens

RATE_WINDOW = 300.0
"""The window in which HipChat counts calls; also the wait if the window's end is not announced."""
RATE_DELAY_MIN = 1.0
"""The shortest wait after a 429: HipChat rounds the end of the window, and clocks differ."""
RATE_DELAY_MAX = 3600.0
"""The longest wait after a 429, even if HipChat announces a longer one."""
TOKEN_RENEWAL_DELAY = 60.0
"""How long before its end an integration's token is renewed."""
TOKEN_ENDS_SOON = 14 * 86400.0
"""How long before its end hipchat.check and /health ask for a new personal token."""

# Room history

CLOCK_STEP = 3600.0
"""How far HipChat's clock may be set back: after a deleted message, so much more is read."""
