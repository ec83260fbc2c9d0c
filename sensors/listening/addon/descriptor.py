"""What HipChat reads of the add-on before it installs it."""
import hashlib
from typing import Any, Dict

from hipchat.config.addon import SCOPES
from hipchat.webhook.addon_urls import AddonUrls

__all__ = ["descriptor"]

NAME = "StackStorm"  # what HipChat shows as the sender of notifications
DESCRIPTION = "Event-driven automation: what is said and done in rooms starts StackStorm's rules."


def descriptor(urls: AddonUrls) -> Dict[str, Any]:
    """The descriptor, valid by HipChat's published schema (api.hipchat.com/v2/capabilities/addon).

    For the whole group only, since one installation hears all rooms. Its key differs for each
    public_url, so that two StackStorms can be installed side by side.
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
