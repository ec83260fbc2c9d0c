"""`GET {public_url}/metrics`, as Prometheus reads it."""
import re
import shutil
import subprocess

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support import REPOSITORY
from support.waiting import wait_until

MONITORING = REPOSITORY / "docs" / "monitoring.md"
RULES = re.search("```yaml\n(groups:.*?)```", MONITORING.read_text("utf-8"), re.DOTALL).group(1)


@pytest.fixture
def metrics(stackstorm, http):
    """Read the metrics: values by name and labels."""
    def read():
        answer = http.get(stackstorm.listener + "/metrics", timeout=60)
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        return {(sample.name,) + tuple(sample.labels.values()): sample.value
                for family in text_string_to_metric_families(answer.text)
                for sample in family.samples}

    return read


def test_count_what_flows(hipchat, stackstorm, room, http, metrics):
    before = metrics()
    trigger = stackstorm.listen("message", room)
    hipchat.people.say(room, "Ann", "hello")
    assert stackstorm.received(trigger)
    wait_until(lambda: metrics().get(("hipchat_deliveries_total", "room_message", "dispatched")))
    assert http.post(stackstorm.listener + "/x", timeout=60).status_code == 404
    found = metrics()

    def grown(*key):
        return found[key] - before.get(key, 0)

    assert grown("hipchat_deliveries_total", "room_message", "accepted") == 1
    assert grown("hipchat_dispatch_seconds_count") == 1
    assert grown("hipchat_refused_requests_total", "unknown_address") == 1
    assert grown("hipchat_api_calls_total", "200") > 0 and found["hipchat_api_call_seconds_count", ]
    assert found["hipchat_up", ] == 1 and found["hipchat_spool_deliveries", ] == 0
    assert found["hipchat_webhooks_present", ] == found["hipchat_webhooks_wanted", ] > 0
    assert found["hipchat_backfilled_messages_total", ] >= 0


def test_name_no_room_and_no_secret(hipchat, stackstorm, room, http):
    text = http.get(stackstorm.listener + "/metrics", timeout=60).text
    assert http.post(stackstorm.listener + "/metrics", timeout=60).status_code == 405
    assert room not in text and hipchat.token not in text


def test_the_alerts_of_the_documentation_name_metrics_that_there_are(metrics):
    names = {key[0] for key in metrics()}
    used = set(re.findall(r"hipchat_\w+", "\n".join(re.findall("expr: (.*)", RULES))))
    assert len(RULES.split("- alert:")) >= 6
    # These come with the first that is counted; commands, where the config has chatops.
    assert used - names <= {"hipchat_refused_requests_total", "hipchat_problems",
                            "hipchat_api_limit", "hipchat_api_remaining",
                            "hipchat_commands_total", "hipchat_commands_waiting"}


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not here")
def test_the_alerts_are_what_prometheus_takes(tmp_path):
    (tmp_path / "rules.yml").write_text(RULES)
    subprocess.run(["promtool", "check", "rules", str(tmp_path / "rules.yml")], check=True)
