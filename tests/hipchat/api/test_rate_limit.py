"""HipChat's rate limit: how it is announced, and how the sensor keeps within a part of it."""
import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.clock import Clock

from hipchat.api import rate_limit
from hipchat.api.rate_limit import CallBudget, RateLimit
from hipchat.timing import RATE_DELAY_MAX, RATE_WINDOW


def announced(**headers):
    return RateLimit.announced_by({name.replace("_", "-"): value
                                   for name, value in headers.items()})


class TestAnnounced:
    """The headers of an answer."""

    def test_name_limit_and_remaining_calls(self):
        found = announced(X_Ratelimit_Limit="100", X_Ratelimit_Remaining="99")
        assert (found.limit, found.remaining) == (100, 99)

    @pytest.mark.parametrize("reset", ["{:.1f}", "{:.0f}"])
    def test_name_the_end_of_the_window_as_a_time(self, reset):
        found = announced(X_Ratelimit_Reset=reset.format(time.time() + 42))
        assert found.reset_in == pytest.approx(42, abs=1.5)

    @pytest.mark.parametrize("ahead", [-3600, 3600])
    def test_are_by_the_servers_clock(self, ahead):
        theirs = time.time() + ahead
        found = announced(X_Ratelimit_Reset=str(theirs + 42), Date=formatdate(theirs))
        assert found.reset_in == pytest.approx(42, abs=2)

    def test_count_by_the_later_of_two_limits(self):
        assert announced(X_Ratelimit_Reset="5", X_FloodControl_Reset="50").reset_in == 50
        assert announced(X_Ratelimit_Reset="50", X_FloodControl_Reset="5").reset_in == 50
        assert announced(X_FloodControl_Reset="5").reset_in == 5

    @pytest.mark.parametrize("reset", ["", "soon", "nan", "None", "1,5"])
    def test_that_cannot_be_read_count_as_hipchats_window(self, reset):
        found = announced(X_Ratelimit_Reset=reset, X_Ratelimit_Limit=reset)
        assert (found.reset_in, found.limit) == (RATE_WINDOW, None)
        assert announced() == RateLimit(None, None, RATE_WINDOW)

    @pytest.mark.parametrize("reset, seconds", [
        ("0", 0), ("42.5", 42.5), ("inf", RATE_DELAY_MAX), ("9999999999999", RATE_DELAY_MAX)])
    def test_may_be_seconds_from_now_within_bounds(self, reset, seconds):
        assert announced(X_Ratelimit_Reset=reset).reset_in == seconds

    @pytest.mark.parametrize("reset", ["-5", "-inf", "1412564640.0"])
    def test_that_have_passed_count_as_hipchats_window(self, reset):
        assert announced(X_Ratelimit_Reset=reset).reset_in == RATE_WINDOW
        assert announced(X_Ratelimit_Reset=reset, X_FloodControl_Reset="5").reset_in == 5

    def test_may_have_been_rounded_down_to_a_second_that_is_now(self):
        now = time.time()
        assert announced(X_Ratelimit_Reset=str(int(now)), Date=formatdate(now)).reset_in == 0

    @given(st.dictionaries(st.sampled_from([
        "X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset", "X-FloodControl-Reset",
        "Date"]), st.text(max_size=20) | st.floats().map(str) | st.integers().map(str)))
    def test_whatever_they_hold_are_read(self, headers):
        assert 0 <= RateLimit.announced_by(headers).reset_in <= RATE_DELAY_MAX


@pytest.fixture
def clock(monkeypatch):
    clock = Clock(1000.0)
    monkeypatch.setattr(rate_limit, "time", clock)
    return clock


def spend(budget, clock, calls, limit=100, remaining=50, window=300):
    """Make calls; returns how long that took. Each answer announces the window's end."""
    started = clock.now
    for _ in range(calls):
        budget.spend()
        ends = (clock.now // window + 1) * window
        budget.learn(RateLimit(limit, remaining, ends - clock.now))
    return clock.now - started


class TestCallBudget:
    """A part of HipChat's limit."""

    @pytest.mark.parametrize("began, calls, seconds", [
        (1000, 20, 0), (910, 21, 290), (900, 60, 600)], ids=["the share", "one more", "thrice"])
    def test_holds_calls_beyond_its_share_back_to_the_windows_end(
            self, clock, began, calls, seconds):
        clock.now = began
        assert spend(CallBudget(0.2), clock, calls) == seconds

    def test_waits_where_others_have_used_all_calls_up(self, clock):
        budget = CallBudget(0.2)
        clock.now = 900
        spend(budget, clock, 1, remaining=0)
        assert spend(budget, clock, 1) == 300

    @pytest.mark.parametrize("reset_in", [0, 0.001])
    def test_takes_no_window_for_shorter_than_a_second(self, clock, reset_in):
        budget = CallBudget(0.2)
        for _ in range(61):
            budget.spend()
            budget.learn(RateLimit(100, 50, reset_in))
        assert clock.now - 1000 >= 3

    def test_takes_the_end_of_a_window_that_has_passed_for_unknown(self, clock):
        budget, clock.now = CallBudget(0.2), 1.6e9
        for _ in range(21):
            budget.spend()
            budget.learn(announced(X_Ratelimit_Limit="100", X_Ratelimit_Reset=str(clock.now - 9),
                                   Date=formatdate(clock.now)))
        assert clock.now - 1.6e9 == RATE_WINDOW

    def test_does_not_add_up_delays_while_hipchat_announces_nothing_for_hours(self, clock):
        budget, began = CallBudget(0.2), clock.now
        budget.spend()
        budget.learn(RateLimit(limit=100, remaining=99, reset_in=300.0))
        clock.sleep(300)
        for _ in range(100):
            budget.spend()  # and no answer from which to learn anything
            clock.sleep(60)
        assert clock.now < began + 300 + 100 * 60 + 3600

    def test_holds_nothing_back_where_no_limit_is_announced(self, clock):
        assert spend(CallBudget(0.2), clock, 1000, limit=None, remaining=None) == 0

    def test_is_at_least_one_call(self, clock):
        assert spend(CallBudget(0.2), clock, 1, limit=2) == 0
