"""The config comes late, is wrong, or changes while the sensor runs."""
import signal

import pytest
from support.context import CONFIG, LOG
from support.waiting import wait_until

from hipchat.config.sensor_settings import SensorSettings
from listening.operations.config_watch import ConfigWatch
from listening.operations.health import Health

WRONG = {"timeout": 0, "webhook": {"port": 70000}, "spool": {"max_deliveries": 0}}


@pytest.fixture
def unconfigured(hipchat, room, start_stackstorm):
    """A StackStorm that has started the sensor and registered no config yet."""
    stackstorm = start_stackstorm(hipchat, rooms=[room], events=["message"], registered=False)
    wait_until(lambda: "waits for it" in stackstorm.log())
    return stackstorm


def register(stackstorm, **changes):
    """Register the config; sections are merged."""
    config = dict(stackstorm.config)
    for key, value in changes.items():
        config[key] = dict(config.get(key, {}), **value) if isinstance(value, dict) else value
    stackstorm.api("PUT", "/v1/configs/hipchat", json=config)


def troubles(stackstorm):
    return [line for line in stackstorm.log().splitlines()
            if " WARN " in line or " ERROR " in line or "Traceback" in line]


def test_that_is_wrong_is_logged_in_a_line_for_each_value_and_taken_when_it_is_right(unconfigured):
    register(unconfigured, **WRONG)
    wait_until(lambda: "values are wrong" in unconfigured.log())
    register(unconfigured, timeout=0)
    wait_until(lambda: "a value is wrong" in unconfigured.log())
    warnings = troubles(unconfigured)
    assert [line.partition("sensor  ")[2] for line in warnings] == [
        "config: 3 values are wrong. Correct it, and register it:",
        "config: a value is wrong. Correct it, and register it:"]
    lines = [line for line in unconfigured.log().splitlines() if line.startswith("  ")]
    for key, count in (("timeout is 0", 2), ("webhook.port is 70000", 1),
                       ("spool.max_deliveries is 0", 1)):
        assert len([line for line in lines if key in line]) == count
    assert "Traceback" not in unconfigured.log()
    register(unconfigured)
    wait_until(unconfigured.has_its_webhooks)
    assert unconfigured.health()["status"] == "ok"


class TestChange:
    @pytest.fixture
    def stackstorm(self, unconfigured):
        """The config of this one came late, but in time."""
        register(unconfigured)
        wait_until(unconfigured.has_its_webhooks)
        return unconfigured

    def test_ends_the_sensor_so_that_stackstorm_starts_it_with_the_new_one(
            self, hipchat, stackstorm):
        room = hipchat.make_room()
        register(stackstorm, rooms=[room])
        assert stackstorm.process.wait(60) == 128 + signal.SIGTERM, "only failures begin again"
        assert "The config has changed" in stackstorm.log() and "Stopped;" in stackstorm.log()
        assert troubles(stackstorm) == []

    def test_to_a_wrong_one_is_a_problem_and_the_former_stays_in_use(
            self, hipchat, room, stackstorm):
        register(stackstorm, timeout=0)
        wait_until(lambda: stackstorm.health()["reasons"] == ["config: a value is wrong"])
        register(stackstorm, catch_up=-1)
        wait_until(lambda: "timeout is 0" in stackstorm.log() and "catch_up" in stackstorm.log())
        hipchat.people.say(room, "Ann", "still there?")
        assert stackstorm.received("hipchat.message")[0]["message"] == "still there?"
        register(stackstorm)
        wait_until(lambda: stackstorm.health()["status"] == "ok")
        assert stackstorm.process.poll() is None


@pytest.mark.parametrize("config", [None, {}, {"api_key": "x", "timeout": 0}])
def test_that_is_wrong_when_the_process_was_replaced_leaves_the_one_of_before(config):
    watch = ConfigWatch(registered=lambda: config, resolved=lambda: config,
                        health=Health(LOG), log=LOG)
    assert watch.first(config, CONFIG) == SensorSettings.from_config(CONFIG)
