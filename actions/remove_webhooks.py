"""hipchat.remove_webhooks: delete the sensor's webhooks, those of others stay."""
from base import HipChatAction
from hipchat.answers import part
from hipchat.errors import HipChatError, Incomplete
from hipchat.webhook_list import urls_of, webhooks_in

__all__ = ["RemoveWebhooksAction"]


class RemoveWebhooksAction(HipChatAction):
    """DELETE /v2/room/{id_or_name}/webhook/{id}, which needs the scope admin_room."""

    def do(self, rooms=None):
        """{"removed": how many, "rooms": [{"room", "removed"}]}; an error where a room failed."""
        urls = urls_of(self.config)
        rooms = [self.room_of(room) for room in rooms or []]
        keys = dict(zip(rooms, rooms)) if rooms else self._all_rooms()
        results = [self._remove(urls, key, room) for key, room in keys.items()]
        found = {"removed": sum(result["removed"] for result in results), "rooms": results}
        failed = [result["room"] for result in results if "error" in result]
        if failed:
            raise Incomplete("Webhooks may remain in {} of {} rooms: {}. See the error of each."
                             .format(len(failed), len(results), ", ".join(failed)), **found)
        return found

    def _all_rooms(self):
        rooms = self.hipchat.items("room", **{"include-archived": "true"})
        return {part(room, "id", "A room in HipChat's list"): room.get("name") for room in rooms}

    def _remove(self, urls, key, room):
        result = {"room": room, "removed": 0}
        try:
            for webhook in list(webhooks_in(self.hipchat, urls, key)):
                if webhook["ours"]:
                    self.hipchat.call("DELETE", "room", key, "webhook",
                                      part(webhook, "id", "A webhook in HipChat's list"))
                    result["removed"] += 1
        except HipChatError as error:
            result.update(error.as_result())
        return result
