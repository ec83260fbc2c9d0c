"""What the tests share: a failure explains itself, and no other user drives their processes."""
import os
import stat

import pytest
from support import processes, warm
from support.waiting import wait_until


@pytest.mark.parametrize("condition, words", [
    (lambda: len([1, 2]) == 3, "for len([1, 2]) == 3\nlast seen: assert 2 == 3"),
    (lambda: not ["a reason"], "for not [\"a reason\"]\nlast seen: assert not ['a reason']"),
    (dict, "for dict()\nlast seen: {}")])
def test_a_wait_in_vain_shows_its_condition_and_what_there_was(condition, words):
    with pytest.raises(AssertionError) as caught:
        wait_until(condition, 0.01)
    assert str(caught.value).startswith("waited 0.") and words in str(caught.value)


def test_the_report_of_a_failing_test_has_health_and_log_of_its_servers(stackstorm):
    sections = dict(processes.sections([stackstorm]))
    health = sections[f"StackStorm with {stackstorm.listener}"]
    log, = [text for title, text in sections.items() if str(stackstorm.log_path) in title]
    assert "'status': " in health and "Listening on" in log


def test_servers_are_forked_where_no_other_user_can_ask_for_it():
    mode = os.stat(os.environ[warm.NAME]).st_mode
    assert stat.S_ISDIR(mode) and stat.S_IMODE(mode) == 0o700
