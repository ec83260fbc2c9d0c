"""Add-ons: installed from a descriptor's URL, for a room or for all, updated and uninstalled."""

import secrets
import uuid
from typing import Any, Dict, List, Optional

import requests

from sandbox.hipchat_server import descriptor as descriptors
from sandbox.hipchat_server.errors import ApiError, not_found
from sandbox.hipchat_server.group import Group
from sandbox.hipchat_server.models import Client, Installation, Room, Token, Webhook

TOKEN_LIFE = 28799
TIMEOUT_SECONDS = 20


class Addons:
    """Installs add-ons in a group.

    Add-ons call HipChat while they are told of an installation, so that the group's lock is never
    held while one is told.
    """

    def __init__(self, group: Group) -> None:
        self._group = group

    def install(self, url: str, room: Optional[Room]) -> Installation:
        """Install the add-on of that descriptor in a room, or in all; again is an update.

        Raises ApiError, and leaves all as it was, if the descriptor is none or the add-on refuses.
        """
        descriptor = descriptors.fetch(url)
        if not descriptors.allows(descriptor, in_a_room=room is not None):
            where = "in a single room" if room else "for the whole group"
            raise ApiError(400, f"{descriptor['name']} cannot be installed {where}")
        old = self._installed(descriptor["key"], room)
        update_url = descriptors.callback(descriptor, "updateCallbackUrl")
        if old and update_url:
            return self._update(old, descriptor, update_url)
        new = self._new(url, descriptor, room)
        with self._group.lock:
            self._group.install(new)
        try:
            self._tell(new, "POST", descriptors.callback(descriptor), self._news(new, secret=True))
        except ApiError:
            self._forget(new)
            raise
        if old:
            self._forget(old)
        return new

    def uninstall(self, client_id: str) -> Dict[str, Any]:
        """Take an add-on away, and then tell it; returns what it answered, or the error."""
        with self._group.lock:
            installation = self._group.installations.get(client_id)
        if installation is None:
            raise not_found("Add-on", client_id)
        self._forget(installation)
        url = f"{descriptors.callback(installation.descriptor)}/{client_id}"
        try:
            return {"status": self._tell(installation, "DELETE", url), "error": None}
        except ApiError as error:
            return {"status": None, "error": error.message}

    def _installed(self, key: str, room: Optional[Room]) -> Optional[Installation]:
        with self._group.lock:
            return next((each for each in self._group.installations.values()
                         if each.client.key == key and each.room is room), None)

    def _new(self, url: str, descriptor: Dict[str, Any], room: Optional[Room]) -> Installation:
        client = Client(str(uuid.uuid4()), descriptors.sender_name(descriptor),
                        secrets.token_hex(20), TOKEN_LIFE, descriptor["key"],
                        descriptors.scopes(descriptor), room)
        return Installation(url, descriptor, client, self._webhooks(client, descriptor))

    def _webhooks(self, client: Client, descriptor: Dict[str, Any]) -> List[Webhook]:
        token = Token("", client.scopes, client)
        return [Webhook(next(self._group.webhook_ids), token=token, is_declared=True, **hook)
                for hook in descriptors.hooks(descriptor)]

    def _update(self, old: Installation, descriptor: Dict[str, Any], url: str) -> Installation:
        """Keep the OAuth client, with what the new descriptor says of it."""
        before = old.descriptor, old.client.name, old.client.scopes, old.webhooks
        with self._group.lock:
            old.descriptor, old.client.name = descriptor, descriptors.sender_name(descriptor)
            old.client.scopes = descriptors.scopes(descriptor)
            old.webhooks = self._webhooks(old.client, descriptor)
        try:
            self._tell(old, "POST", url, self._news(old, secret=False))
        except ApiError:
            with self._group.lock:
                old.descriptor, old.client.name, old.client.scopes, old.webhooks = before
            raise
        return old

    def _news(self, installation: Installation, secret: bool) -> Dict[str, Any]:
        """What an add-on is told of its installation; an update has no secret."""
        news: Dict[str, Any] = {"oauthId": installation.client.id,
                "capabilitiesUrl": self._group.url + "/capabilities"}
        if secret:
            news.update(oauthSecret=installation.client.secret, groupId=self._group.id)
        if installation.room:
            news["roomId"] = installation.room.id
        return news

    def _tell(self, installation: Installation, method: str, url: str,
              news: Optional[Dict[str, Any]] = None) -> int:
        name = installation.descriptor["name"]
        try:
            with requests.Session() as session:
                session.trust_env = False
                answer = session.request(method, url, json=news, timeout=TIMEOUT_SECONDS,
                                         allow_redirects=False)
        except (requests.RequestException, ValueError) as error:
            raise ApiError(400, f"{name} could not be told: {error}") from error
        if not 200 <= answer.status_code < 300:
            raise ApiError(400, f"{name} refused: it answered {answer.status_code}, "
                                f"{answer.text:.200}")
        return answer.status_code

    def _forget(self, installation: Installation) -> None:
        with self._group.lock:
            self._group.uninstall(installation)
