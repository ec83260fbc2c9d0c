"""The pack as a HipChat add-on: its stored installation, and its section of the config."""
import json
import secrets
from typing import NamedTuple, Optional

from hipchat.api.credentials import Integration

__all__ = ["KEY", "REFERENCE", "SCOPES", "Addon", "AddonSettings"]

KEY = "hipchat_addon"  # the key in StackStorm's datastore under which the sensor stores the add-on
REFERENCE = "{{ st2kv.system." + KEY + " }}"  # reads that key in the pack's config
# The scopes that the pack's actions need. Without send_message, which HipChat does not give to
# add-ons: only users can send messages, replies, links and files.
SCOPES = ("admin_room", "manage_rooms", "send_notification", "view_group", "view_messages",
          "view_room")


class Addon(NamedTuple):
    """The add-on's state. The sensor stores it in StackStorm's datastore as one encrypted string.

    Attributes:
        secret: a random string. It is a part of the URL that an admin pastes in HipChat to install
            the add-on, and it signs the webhooks' URLs.
        integration: the OAuth client that HipChat made for the add-on; None while the add-on is not
            installed.
        group: HipChat's ID of the group that installed the add-on; None if HipChat does not say.
        public_url: the webhook.public_url at the installation; None if it was not stored.
    """

    secret: str
    integration: Optional[Integration] = None
    group: Optional[int] = None
    public_url: Optional[str] = None

    @classmethod
    def new(cls) -> "Addon":
        """Return an add-on that is not installed, with a new secret of 256 bits."""
        return cls(secrets.token_urlsafe(32))

    @classmethod
    def read(cls, text: str) -> "Addon":
        """Return the add-on that text() stored as this string; raises ValueError for any other."""
        error = ValueError("it is not what the sensor stores there")
        try:
            stored = json.loads(text)
            addon = cls(stored["secret"],
                        stored["integration"] and Integration(*stored["integration"]),
                        stored["group"], stored.get("public_url"))
        except (ValueError, KeyError, TypeError):
            raise error from None
        for field in (addon.secret, *(addon.integration or ())):
            if not isinstance(field, str) or not field:
                raise error
        return addon

    def is_elsewhere(self, public_url: str) -> bool:
        """Return whether the add-on is installed for another public_url, where HipChat posts."""
        return self.integration is not None and self.public_url not in (None, public_url)

    def text(self) -> str:
        """Return the string to store, from which read() makes the same add-on."""
        return json.dumps(self._asdict())  # pylint: disable=no-member


class AddonSettings(NamedTuple):
    """The section `addon` of the pack's config.

    Attributes:
        stored: the add-on as the datastore contains it; None until the sensor has stored it.
        group: HipChat's ID of the only group allowed to install the add-on; None for any group.
    """

    enabled: bool = False
    stored: Optional[Addon] = None
    group: Optional[int] = None

    @property
    def integration(self) -> Optional[Integration]:
        """The OAuth client of the add-on if it is enabled and installed, else None."""
        return self.stored.integration if self.enabled and self.stored else None
