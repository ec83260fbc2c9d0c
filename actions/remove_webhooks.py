"""Deletes the sensor's webhooks; other webhooks stay.

Calls DELETE /v2/room/{id}/webhook/{id}, which needs the scope admin_room.
"""
from typing import Any, List, Optional, Tuple

from base import HipChatAction, Result
from hipchat.api.client import part
from hipchat.errors import ConfigError, HipChatError, Incomplete
from hipchat.api.room_directory import RoomDirectory, find_rooms
from hipchat.config.sensor_settings import SensorSettings
from hipchat.config.validators import PUBLIC_URL_EXAMPLE
from hipchat.api.webhook_list import webhooks_in
from hipchat.webhook.webhook_url import WebhookUrl


class RemoveWebhooksAction(HipChatAction):
    def do(self, rooms: Optional[List[Any]] = None) -> Result:
        """Delete the sensor's webhooks in the given rooms; in all rooms if `rooms` is None.

        Returns:
            {"removed": the number of deleted webhooks, "rooms": [{"room", "removed"}]}. If a room
            failed, Incomplete has the same result, with the error in the room's entry.
        """
        settings = SensorSettings.from_config(self.config)
        if not settings.public_url:
            raise ConfigError(["webhook.public_url: set it to a URL such as " + PUBLIC_URL_EXAMPLE])
        urls = WebhookUrl(settings.public_url, settings.secret)
        results = [self._remove(urls, key, room) for key, room in self._keys(rooms)]
        result = {"removed": sum(each["removed"] for each in results), "rooms": results}
        failed = [each["room"] for each in results if "error" in each]
        if failed:
            raise Incomplete(f"Webhooks may remain in {len(failed)} of {len(results)} rooms: "
                             f"{', '.join(failed)}. See the error of each.", **result)
        return result

    def _keys(self, references: Optional[List[Any]]) -> List[Tuple[Any, str]]:
        """Return (key, name) for each room; the key is the ID, or the name if the ID is unknown."""
        keys = [self.room_of(reference) for reference in references or []]
        rooms, directory = find_rooms(self.hipchat, keys), RoomDirectory()
        directory.replace(rooms)
        if references is None:
            return [(part(room, "id", "A room in HipChat's list"), str(room.get("name")))
                    for room in rooms]
        return [(directory.id_of(key) or key, key) for key in keys]

    def _remove(self, urls: WebhookUrl, key: Any, room: str) -> Result:
        """Delete the sensor's webhooks in a room; return {"room", "removed"}, and any error."""
        result: Result = {"room": room, "removed": 0}
        try:
            for webhook in list(webhooks_in(self.hipchat, urls, key)):
                if webhook["ours"]:
                    self.hipchat.call("DELETE", "room", key, "webhook",
                                      part(webhook, "id", "A webhook in HipChat's list"))
                    result["removed"] += 1
        except HipChatError as error:
            result.update(error.as_result())
        return result
