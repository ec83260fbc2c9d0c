"""Which of StackStorm's coordination services the lock of the active sensor uses."""
import pytest

from sandbox.stackstorm.broker import Broker
from sandbox.stackstorm.triggers import Triggers


@pytest.mark.parametrize("url, used", [
    ("redis://:secret@redis.example.com:6379", True), ("redis:///?sentinel=a", True), (None, False),
    ("", False), ("zookeeper://127.0.0.1:2181", False), ("etcd3+http://127.0.0.1:2379", False),
    ("file:///tmp/locks", False), ("zake://", False)])
def test_is_redis_alone(load, monkeypatch, url, used):
    coordination = load("coordination", Triggers(lambda *_: None), Broker())
    monkeypatch.setattr(coordination.cfg.CONF.coordination, "url", url)
    assert coordination.coordination_url() == (url if used else None)
