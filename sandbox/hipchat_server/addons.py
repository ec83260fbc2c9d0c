"""Installs, updates and uninstalls add-ons, for one room or for the whole group."""

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
    """The add-ons of a group.

    An add-on calls HipChat's API while it handles the installation callback, so the group's lock
    must not be held during that call.
    """

    def __init__(self, group: Group) -> None:
        self._group = group

    def install(self, url: str, room: Optional[Room]) -> Installation:
        """Install an add-on, or update it if it is installed already.

        Args:
            url: where its descriptor is.
            room: None for the whole group.

        Raises:
            ApiError: the descriptor is wrong, or the add-on refuses; then nothing has changed.
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
            self._call_back(new, "POST", descriptors.callback(descriptor),
                            self._callback_body(new, has_secret=True))
        except ApiError:
            self._forget(new)
            raise
        if old:
            self._forget(old)
        return new

    def uninstall(self, client_id: str) -> Dict[str, Any]:
        """Remove an add-on and call its callback; return {"status", "error"} of that call."""
        with self._group.lock:
            installation = self._group.installations.get(client_id)
        if installation is None:
            raise not_found("Add-on", client_id)
        self._forget(installation)
        url = f"{descriptors.callback(installation.descriptor)}/{client_id}"
        try:
            return {"status": self._call_back(installation, "DELETE", url), "error": None}
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
        """Apply a new descriptor to an installation, which keeps its OAuth client."""
        before = old.descriptor, old.client.name, old.client.scopes, old.webhooks
        with self._group.lock:
            old.descriptor, old.client.name = descriptor, descriptors.sender_name(descriptor)
            old.client.scopes = descriptors.scopes(descriptor)
            old.webhooks = self._webhooks(old.client, descriptor)
        try:
            self._call_back(old, "POST", url, self._callback_body(old, has_secret=False))
        except ApiError:
            with self._group.lock:
                old.descriptor, old.client.name, old.client.scopes, old.webhooks = before
            raise
        return old

    def _callback_body(self, installation: Installation, has_secret: bool) -> Dict[str, Any]:
        """Return the body of an installation callback; the body of an update has no secret."""
        body: Dict[str, Any] = {"oauthId": installation.client.id,
                                "capabilitiesUrl": self._group.url + "/capabilities"}
        if has_secret:
            body.update(oauthSecret=installation.client.secret, groupId=self._group.id)
        if installation.room:
            body["roomId"] = installation.room.id
        return body

    def _call_back(self, installation: Installation, method: str, url: str,
                   body: Optional[Dict[str, Any]] = None) -> int:
        """Call one of the add-on's callbacks; return the status, or raise ApiError."""
        name = installation.descriptor["name"]
        try:
            with requests.Session() as session:
                session.trust_env = False
                answer = session.request(method, url, json=body, timeout=TIMEOUT_SECONDS,
                                         allow_redirects=False)
        except (requests.RequestException, ValueError) as error:
            raise ApiError(400, f"{name} did not answer at {url}: {error}") from error
        if not 200 <= answer.status_code < 300:
            raise ApiError(400, f"{name} refused: it answered {answer.status_code}, "
                                f"{answer.text:.200}")
        return answer.status_code

    def _forget(self, installation: Installation) -> None:
        with self._group.lock:
            self._group.uninstall(installation)
