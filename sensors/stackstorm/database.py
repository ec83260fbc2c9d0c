"""The sensor's queries of StackStorm's database."""
import contextlib
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
from listening import timing
from listening.addon.installation import NotKept
from listening.dispatch.dispatched_before import Stored
from listening.errors import ServiceUnavailable

__all__ = ["SYSTEM", "answering", "check_writable", "dispatched_since", "enabled_rules",
           "load_addon", "registered_config", "resolved_config", "save_addon", "triggers"]

PACK = "hipchat"
SYSTEM = "st2kv.system"  # the scope of the datastore's keys to which configs refer
NOBODY = "0" * 24  # an id that no document has


def triggers(types: List[str]) -> List[Dict[str, Any]]:
    """Return the triggers of these types that are in use, as StackStorm gives them to sensors.

    In use are those of enabled rules, and those without parameters: they are for the rooms of the
    config. StackStorm has triggers for disabled rules, too, as of the sample rules.

    Raises:
        ServiceUnavailable: the database does not answer. Also in all that follow.
    """
    with answering():
        found = [TriggerAPI.from_model(trigger).to_dict()
                 for trigger in Trigger.query(type__in=types)]
        own = [trigger["ref"] for trigger in found if trigger.get("parameters")]
        in_use = {rule.trigger for rule in Rule.query(trigger__in=own, enabled=True)}
    return [trigger for trigger in found
            if not trigger.get("parameters") or trigger["ref"] in in_use]


def enabled_rules(trigger: str) -> List[str]:
    """Return the refs of the enabled rules on a trigger (its ref)."""
    with answering():
        return sorted(rule.ref for rule in Rule.query(trigger=trigger, enabled=True))


def registered_config() -> Optional[Dict[str, Any]]:
    """Return the pack's config as it was registered, None where it was not yet."""
    with answering():
        try:
            return dict(Config.get_by_pack(PACK).values)
        except StackStormDBObjectNotFoundError:
            return None


def resolved_config() -> Dict[str, Any]:
    """Return the pack's config with its defaults and its datastore values, as sensors get it.

    Raises:
        Exception: what the datastore raises where the config has a key that is not there.
    """
    return ContentPackConfigLoader(PACK).get_config()


def load_addon() -> Optional[str]:
    """Return what the datastore has of the add-on, None if it has nothing.

    Raises ServiceUnavailable, and NotKept where the config cannot refer to it.
    """
    with answering():
        return _credentials()


def save_addon(text: str) -> None:
    """Store the add-on's credentials in the datastore, encrypted.

    A reference that cannot be resolved would take the config from each action of the pack: what
    cannot be read back is replaced by what was there before.

    Raises:
        ServiceUnavailable: the database does not answer.
        NotKept: the credentials cannot be stored so that the config is given them.
    """
    with answering():
        before = _stored()
        before_value = before.value if before else None
        try:
            set_datastore_value_for_config_key(PACK, KEY, text, secret=True)
        except CryptoKeyNotSetupException:
            raise NotKept("StackStorm's datastore has no encryption key", "Make one with "
                          "st2-generate-symmetric-crypto-key, name it in st2.conf as "
                          "encryption_key_path in [keyvalue], and restart StackStorm.") from None
        try:
            if _credentials() != text:
                raise NotKept("addon.credentials in the pack's config does not refer to it",
                              f"Set it to \"{REFERENCE}\".")
        except NotKept:
            _restore(before_value)
            raise


def _stored() -> Optional[Any]:
    """The datastore's pair of key and encrypted value, None if there is none."""
    try:
        return KeyValuePair.get_by_scope_and_name(SYSTEM, KEY)
    except StackStormDBObjectNotFoundError:
        return None


def _restore(value: Optional[str]) -> None:
    pair = _stored()
    if value is None:
        KeyValuePair.delete(pair)
    elif pair:
        pair.value = value
        KeyValuePair.add_or_update(pair)


def _credentials() -> Optional[str]:
    """What the config's reference to the add-on gives, as it gives it to actions."""
    try:
        return (resolved_config().get("addon") or {}).get("credentials")
    except RuntimeError as error:
        raise NotKept("the pack's config cannot refer to it", "With RBAC, StackStorm's system user "
                      f"needs a role with key_value_pair_view on key_value_pair:{SYSTEM}:{KEY}. "
                      f"StackStorm says: {error!s:.500}") from None


def dispatched_since(trigger: str, since: float) -> List[Stored]:
    """Return the instances of a trigger (its ref) since a Unix time; raise ServiceUnavailable."""
    with answering():
        return [Stored(instance.occurrence_time.replace(tzinfo=timezone.utc).timestamp(),
                       instance.payload)
                for instance in TriggerInstance.query(
                    trigger=trigger,
                    occurrence_time__gte=datetime.fromtimestamp(since, timezone.utc))]


def check_writable() -> None:
    """Check that the database takes writes: else the rules engine loses what it is given.

    The write matches no document, so it leaves nothing behind; yet a database that is away, that
    is locked, that is no primary or that grants no writing refuses it or lets it wait.
    """
    with answering():
        TriggerInstance.query(id=NOBODY).update(set__status="processed")


@contextlib.contextmanager
def answering() -> Iterator[None]:
    try:
        with eventlet.Timeout(timing.DATABASE_TIMEOUT, TimeoutError(
                f"no answer in {timing.DATABASE_TIMEOUT:.0f} s")):
            yield
    except (NotKept, ServiceUnavailable):
        raise
    except Exception as error:
        raise ServiceUnavailable(
            "database", "StackStorm's database does not answer or takes no writes",
            "Deliveries wait in the spool and are tried again until it does. Check MongoDB. "
            f"The error: {error!r:.300}") from error
