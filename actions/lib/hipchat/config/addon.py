"""The pack as a HipChat add-on: what is kept of its installation, and its settings."""
import json
import secrets
from typing import NamedTuple, Optional

from hipchat.api.credentials import Integration

__all__ = ["KEY", "REFERENCE", "SCOPES", "Addon", "AddonSettings"]

KEY = "hipchat_addon"  # of StackStorm's datastore
REFERENCE = "{{ st2kv.system." + KEY + " }}"  # what the pack's config says to be given it
# What the pack's actions need of those that an add-on's token may use. Not send_message: HipChat
# takes messages, replies, links and files from users only.
SCOPES = ("admin_room", "manage_rooms", "send_notification", "view_group", "view_messages",
          "view_room")


class Addon(NamedTuple):
    """What StackStorm's datastore keeps of the add-on, encrypted, as one text.

    Attributes:
        secret: unguessable; it stands in the URL that an admin pastes, and signs those of webhooks.
        integration: the OAuth client, None while the add-on is not installed.
        group: HipChat's ID of the group that it is installed for, None where HipChat does not say.
        public_url: where HipChat posts to since then, None where that was not stored.
    """

    secret: str
    integration: Optional[Integration] = None
    group: Optional[int] = None
    public_url: Optional[str] = None

    @classmethod
    def new(cls) -> "Addon":
        """One that was never installed, with a secret of its own (256 bits)."""
        return cls(secrets.token_urlsafe(32))

    @classmethod
    def read(cls, text: str) -> "Addon":
        """What text() wrote; ValueError for anything else."""
        try:
            kept = json.loads(text)
            addon = cls(kept["secret"], kept["integration"] and Integration(*kept["integration"]),
                        kept["group"], kept.get("public_url"))
        except (ValueError, KeyError, TypeError):
            raise ValueError("it is not what the sensor keeps there") from None
        texts = (addon.secret,) + (addon.integration or ())
        if not all(isinstance(each, str) and each for each in texts):
            raise ValueError("it is not what the sensor keeps there")
        return addon

    def is_elsewhere(self, public_url: str) -> bool:
        """Whether it is installed for another public_url than this."""
        return self.integration is not None and self.public_url not in (None, public_url)

    def text(self) -> str:
        """As it is kept."""
        return json.dumps(self._asdict())  # pylint: disable=no-member


class AddonSettings(NamedTuple):
    """What the pack's config says of the add-on.

    Attributes:
        enabled: whether the pack is to be one.
        kept: what the datastore holds of it, None until the sensor has made it.
        group: HipChat's ID of the only group that may install it, None for any.
    """

    enabled: bool = False
    kept: Optional[Addon] = None
    group: Optional[int] = None

    @property
    def integration(self) -> Optional[Integration]:
        """The OAuth client to call HipChat with: that of an installed add-on that is enabled."""
        return self.kept.integration if self.enabled and self.kept else None
