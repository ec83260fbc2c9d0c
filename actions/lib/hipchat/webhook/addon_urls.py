"""The URLs that HipChat calls if the pack is installed as an add-on."""
from hipchat.events import HIPCHAT_EVENTS
from hipchat.webhook.webhook_url import signature

__all__ = ["AddonUrls"]


class AddonUrls:
    """The URLs below `{public_url}/addon` that HipChat calls.

    The URLs of the descriptor and of the callbacks contain the secret. HipChat shows the URLs of
    webhooks to others, so webhooks' URLs contain a signature over the event instead.

    Attributes:
        descriptor: the URL that an admin pastes in HipChat; it serves the add-on's description.
        installed, updated: the callbacks that HipChat calls after an installation and an update.
        avatar: the URL of the add-on's icon.
        events: HipChat's name of each event, by the URL of the event's webhook.
    """

    def __init__(self, public_url: str, secret: str):
        self.secret = secret.encode("utf-8")
        private = f"{public_url}/addon/{secret}/"
        self.descriptor = private + "descriptor"
        self.installed = private + "installed"
        self.updated = private + "updated"
        self.avatar = public_url + "/addon/avatar.png"
        self.events = {
            f"{public_url}/addon/{event}/{signature(self.secret, 'hipchat add-on', event)}": event
            for event in HIPCHAT_EVENTS}
