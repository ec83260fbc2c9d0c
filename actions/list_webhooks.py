"""Lists the webhooks in a room, and marks those that the sensor has created.

Calls GET /v2/room/{id_or_name}/webhook, which needs the scope admin_room.
"""
from typing import Optional

from base import HipChatAction, Result
from hipchat.config.sensor_settings import SensorSettings
from hipchat.api.webhook_list import webhooks_in
from hipchat.webhook.webhook_url import WebhookUrl


class ListWebhooksAction(HipChatAction):
    def do(self, room: Optional[str] = None) -> Result:
        """Return {"room", "webhooks": HipChat's webhooks, with `ours` for those of the sensor}."""
        room = self.room_or_default(room)
        settings = SensorSettings.from_config(self.config)
        urls = WebhookUrl(settings.public_url, settings.secret) if settings.public_url else None
        return {"room": room, "webhooks": list(webhooks_in(self.hipchat, urls, room))}
