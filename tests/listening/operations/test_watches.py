"""The end of HipChat's token, told beforehand."""
import eventlet
import pytest
from support.context import make_context
from support.waiting import wait_until

from hipchat.errors import NoAnswer
from listening.operations.watches import watch_token

DAY = 86400


@pytest.fixture
def watch(monkeypatch):
    """What /health says of a token: watch(info, ...), where each look finds the next one."""
    for name in ("TOKEN_CHECK_DELAY", "TOKEN_CHECK_PERIOD", "TOKEN_RETRY_DELAY"):
        monkeypatch.setattr(f"listening.timing.{name}", 0.0)

    def run(*found):
        looks = list(found)

        def token_info():
            if not looks:
                eventlet.sleep(60)
            info = looks.pop(0)
            if isinstance(info, Exception):
                raise info
            return info

        monkeypatch.setattr("hipchat.api.client.Client.token_info", lambda client: token_info())
        context = make_context()
        running = eventlet.spawn(watch_token, context.settings.api, context.health)
        wait_until(lambda: not looks)
        eventlet.sleep(0)
        running.kill()
        return context.health

    return run


def test_is_a_problem_two_weeks_before(watch):
    health = watch({"expires_in": 13 * DAY})
    assert health.report()["reasons"] == ["token: it expires within two weeks"]
    assert "it ends in 13 days" in health.details()[0]


@pytest.mark.parametrize("infos", [
    [{"expires_in": 15 * DAY}], [{"expires_in": None}], [{}], [NoAnswer("HipChat is away")],
    [{"expires_in": DAY}, NoAnswer("HipChat is away"), {"expires_in": 300 * DAY}]])
def test_is_none_for_others_and_once_there_is_a_new_one(watch, infos):
    assert watch(*infos).report()["status"] == "ok"
