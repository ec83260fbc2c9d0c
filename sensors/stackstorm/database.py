"""The sensor's queries of StackStorm's database: triggers, rules, the config, the add-on.

All functions except resolved_config() raise ServiceUnavailable if the database does not answer.
"""
import contextlib
import itertools
from datetime import datetime, timezone
from typing import Any, Dict, Iterator, List, Optional

import eventlet
from st2common.exceptions.db import StackStormDBObjectNotFoundError
from st2common.exceptions.keyvalue import CryptoKeyNotSetupException
from st2common.models.api.trigger import TriggerAPI
from st2common.persistence.keyvalue import KeyValuePair
from st2common.persistence.pack import Config
from st2common.persistence.rule import Rule
from st2common.persistence.trigger import Trigger, TriggerInstance
from st2common.services.config import set_datastore_value_for_config_key
from st2common.util.config_loader import ContentPackConfigLoader

from hipchat.config.addon import KEY, REFERENCE
from hipchat.events import EVENTS
from listening import timing
from listening.addon.installation import NotStored
from listening.dispatch.dispatched_before import Stored
from listening.errors import ServiceUnavailable

__all__ = ["SYSTEM", "answering", "check_writable", "dispatched_since", "enabled_rules",
           "load_addon", "registered_config", "resolved_config", "save_addon", "triggers"]

PACK = "hipchat"
TYPES = [f"{PACK}.{name}" for name in EVENTS]
SYSTEM = "st2kv.system"  # the scope of the datastore keys that configs refer to
PAGE = 500  # documents in one read
NO_ID = "0" * 24  # an ID that no document has


def triggers() -> List[Dict[str, Any]]:
    """Return the pack's triggers that are in use, as dicts such as the sensor's add_trigger() gets.

    A trigger with parameters is in use if it has an enabled rule. A trigger without parameters is
    for the rooms of the config, and always in use.
    """
    with answering():
        found = [TriggerAPI.from_model(trigger).to_dict()
                 for trigger in Trigger.query(type__in=TYPES)]
        own = [trigger["ref"] for trigger in found if trigger.get("parameters")]
        in_use = {rule.trigger for rule in Rule.query(trigger__in=own, enabled=True)}
    return [trigger for trigger in found
            if not trigger.get("parameters") or trigger["ref"] in in_use]


def enabled_rules(trigger_ref: str) -> List[str]:
    """Return the refs ("pack.name") of the enabled rules that use a trigger."""
    with answering():
        return sorted(rule.ref for rule in Rule.query(trigger=trigger_ref, enabled=True))


def registered_config() -> Optional[Dict[str, Any]]:
    """Return the pack's config as registered with StackStorm; None if none is registered."""
    with answering():
        try:
            return dict(Config.get_by_pack(PACK).values)
        except StackStormDBObjectNotFoundError:
            return None


def resolved_config() -> Dict[str, Any]:
    """Return the pack's registered config, completed with defaults and datastore values.

    Raises:
        Exception: StackStorm's error for a datastore key that does not exist.
    """
    return ContentPackConfigLoader(PACK).get_config()


def load_addon() -> Optional[str]:
    """Return the add-on's credentials from the resolved config, as the pack's actions get them.

    Returns:
        The credentials; None if none are stored.

    Raises:
        NotStored: the reference to the credentials in the pack's config cannot be resolved.
    """
    with answering():
        try:
            return (resolved_config().get("addon") or {}).get("credentials")
        except RuntimeError as error:
            raise NotStored(
                "the pack's config cannot refer to it", "With RBAC, StackStorm's system user needs "
                f"a role with key_value_pair_view on key_value_pair:{SYSTEM}:{KEY}. StackStorm's "
                f"error: {error!s:.500}") from None


def save_addon(text: str) -> None:
    """Store the add-on's credentials in the datastore, encrypted.

    If the reference to the credentials in the pack's config cannot be resolved, no action of the
    pack gets its config. So the previous value is restored if the new one cannot be read back.

    Raises:
        NotStored: the credentials cannot be encrypted, or the reference cannot be resolved.
    """
    stored = {"scope": SYSTEM, "name": KEY}
    with answering():
        before = [pair.value for pair in KeyValuePair.query(**stored)]  # one, or none
        try:
            set_datastore_value_for_config_key(PACK, KEY, text, secret=True)
        except CryptoKeyNotSetupException:
            raise NotStored("StackStorm's datastore has no encryption key", "Make one with "
                            "st2-generate-symmetric-crypto-key, name it in st2.conf as "
                            "encryption_key_path in [keyvalue], and restart StackStorm.") from None
        try:
            if load_addon() != text:
                raise NotStored("addon.credentials in the pack's config does not refer to it",
                                f"Set it to \"{REFERENCE}\".")
        except NotStored:
            if before:
                KeyValuePair.query(**stored).update_one(upsert=False, set__value=before[0])
            else:
                KeyValuePair.query(**stored).delete()
            raise


def dispatched_since(trigger_ref: str, since: float) -> Iterator[Stored]:
    """Yield the stored instances of a trigger (one per dispatch) since a Unix time.

    There may be 100,000 instances, so other greenlets run after each page of them.
    """
    query = TriggerInstance.query(
        trigger=trigger_ref, occurrence_time__gte=datetime.fromtimestamp(since, timezone.utc))
    # mongoengine's query starts again at each iter() and after its end; a generator does not.
    instances = (instance for instance in query.no_cache())
    while True:
        with answering():
            page = [Stored(instance.occurrence_time.replace(tzinfo=timezone.utc).timestamp(),
                           instance.payload)
                    for instance in itertools.islice(instances, PAGE)]
        if not page:
            return
        yield from page
        eventlet.sleep(0)


def check_writable() -> None:
    """Raise ServiceUnavailable unless the database accepts writes.

    The write that tests this matches no document. It fails or hangs if the database is down,
    locked, not a primary, or read-only for this user.
    """
    with answering():
        TriggerInstance.query(id=NO_ID).update(set__status="processed")


@contextlib.contextmanager
def answering() -> Iterator[None]:
    """Run a `with` block for at most DATABASE_TIMEOUT; raise ServiceUnavailable if it fails."""
    try:
        with eventlet.Timeout(timing.DATABASE_TIMEOUT, TimeoutError(
                f"no answer in {timing.DATABASE_TIMEOUT:.0f} s")):
            yield
    except (NotStored, ServiceUnavailable):
        raise
    except Exception as error:
        raise ServiceUnavailable(
            "database", "StackStorm's database does not answer or takes no writes",
            "Deliveries wait in the spool and are tried again until it does. Check MongoDB. "
            f"The error: {error!r:.300}") from error
