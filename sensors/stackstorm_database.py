"""What the sensor asks StackStorm's database."""
import contextlib
from typing import Any, Dict, Iterator, List, Optional

import eventlet
from st2common.exceptions.db import StackStormDBObjectNotFoundError
from st2common.models.api.trigger import TriggerAPI
from st2common.persistence.pack import Config
from st2common.persistence.rule import Rule
from st2common.persistence.trigger import Trigger, TriggerInstance
from st2common.util.config_loader import ContentPackConfigLoader

from listening.outage import Outage

__all__ = ["check_writable", "enabled_rules", "registered_config", "resolved_config", "triggers"]

PACK = "hipchat"
ANSWER_WITHIN = 4.0  # seconds
NOBODY = "0" * 24  # an id that no document has


def triggers(types: List[str]) -> List[Dict[str, Any]]:
    """The triggers of these types, as StackStorm gives them to sensors; Outage."""
    with _answering():
        return [TriggerAPI.from_model(trigger).to_dict()
                for trigger in Trigger.query(type__in=types)]


def enabled_rules(trigger: str) -> List[str]:
    """The refs of the enabled rules on a trigger (its ref); Outage."""
    with _answering():
        return sorted(rule.ref for rule in Rule.query(trigger=trigger, enabled=True))


def registered_config() -> Optional[Dict[str, Any]]:
    """The pack's config as it was registered, None where it was not yet; Outage."""
    with _answering():
        try:
            return dict(Config.get_by_pack(PACK).values)
        except StackStormDBObjectNotFoundError:
            return None


def resolved_config() -> Dict[str, Any]:
    """The pack's config with its defaults and what it has from the datastore, as sensors get it.

    Raises what the datastore does, too, where the config has a key that is not there.
    """
    return ContentPackConfigLoader(PACK).get_config()


def check_writable() -> None:
    """Outage unless the database takes writes: the rules engine loses what it is given then.

    The write matches no document, so it leaves nothing behind; yet a database that is away, that
    is locked, that is no primary or that grants no writing refuses it or lets it wait.
    """
    with _answering():
        TriggerInstance.query(id=NOBODY).update(set__status="processed")


@contextlib.contextmanager
def _answering() -> Iterator[None]:
    try:
        with eventlet.Timeout(ANSWER_WITHIN, TimeoutError(
                "no answer in {:.0f} s".format(ANSWER_WITHIN))):
            yield
    except Exception as error:
        raise Outage(
            "database", "StackStorm's database does not answer or takes no writes",
            "Deliveries wait in the spool and are tried again until it does. Check MongoDB. "
            "The error: {:.300}".format(repr(error))) from error
