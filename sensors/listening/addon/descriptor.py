"""Makes the add-on's descriptor, which HipChat reads before it installs the add-on."""
import hashlib
from typing import Any, Dict

from hipchat.config.addon import SCOPES
from hipchat.webhook.addon_urls import AddonUrls

__all__ = ["descriptor"]

NAME = "StackStorm"  # the sender of notifications in HipChat
DESCRIPTION = "Event-driven automation: messages and events in rooms start StackStorm's rules."


def descriptor(urls: AddonUrls) -> Dict[str, Any]:
    """Return the descriptor in HipChat's schema (api.hipchat.com/v2/capabilities/addon).

    The descriptor allows only a global installation, which receives the events of all rooms. The
    add-on's key differs for each public_url, so that two StackStorms can be installed in one
    HipChat.
    """
    place = hashlib.sha256(urls.avatar.encode("utf-8")).hexdigest()[:12]
    return {
        "key": "com.stackstorm.hipchat." + place,
        "name": NAME,
        "description": DESCRIPTION,
        "links": {"self": urls.descriptor},
        "capabilities": {
            "hipchatApiConsumer": {
                "fromName": NAME, "avatar": {"url": urls.avatar}, "scopes": list(SCOPES)},
            "installable": {
                "allowGlobal": True, "allowRoom": False,
                "callbackUrl": urls.installed, "updateCallbackUrl": urls.updated},
            "webhook": [
                {"event": event, "name": NAME, "key": "st2." + event, "url": url,
                 "authentication": "jwt"} for url, event in urls.events.items()]}}
