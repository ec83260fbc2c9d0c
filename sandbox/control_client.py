"""A client of the control API of the sandbox's HipChat: posts as people, and reads rooms."""

from typing import Any, Dict, List, Optional

import requests


class SandboxError(Exception):
    """The sandbox rejected a request; the text is the sandbox's."""


class ControlClient:
    """Acts as people in the rooms of a HipChat server."""

    def __init__(self, base_url: str, ca_bundle: Optional[str] = None) -> None:
        """Connect to a server.

        Args:
            base_url: such as http://127.0.0.1:8090, with or without /v2.
            ca_bundle: the path of the certificate to trust, for https.
        """
        base_url = base_url.rstrip("/")
        self._url = base_url[:-len("/v2")] if base_url.endswith("/v2") else base_url
        self._session = requests.Session()
        # The server is local: ignore the environment's proxy.
        self._session.trust_env = False
        self._session.verify = ca_bundle or True

    def say(self, room: str, user: str, message: str) -> str:
        """Post a message as a person; return the message's ID."""
        return self._call("POST", "say", {"room": room, "user": user, "message": message})["id"]

    def act(self, room: str, user: str, event: str, **more: Any) -> None:
        """Cause another event as a person, such as topic_change with topic="Lunch"."""
        self._call("POST", "act", {**more, "room": room, "user": user, "event": event})

    def delete(self, message_id: str) -> None:
        """Delete a message from its room."""
        self._call("DELETE", "messages/" + message_id)

    def transcript(self, room: str) -> List[Dict[str, Any]]:
        """Return a room's messages, oldest first: who, what, color, format, when, ..."""
        return self._call("GET", "transcript", room=room)

    def inbox(self, user: str) -> List[Dict[str, Any]]:
        """Return the private messages to a person, in the form of a transcript."""
        return self._call("GET", "transcript", user=user)

    def deliveries(self) -> List[Dict[str, Any]]:
        """Return the attempts to deliver to webhooks: url, event, status, milliseconds, ..."""
        return self._call("GET", "deliveries")["items"]

    def waiting(self) -> int:
        """Return the number of deliveries that have not been attempted yet."""
        return self._call("GET", "deliveries")["waiting"]

    def trace(self) -> Dict[str, Any]:
        """Return the path of the last event: its steps, and whether all are done."""
        return self._call("GET", "trace")

    def use_stackstorm(self, url: str) -> None:
        """Set the URL of the StackStorm that receives the server's events."""
        self._call("POST", "stackstorm", {"url": url})

    def install(self, url: str, room: Optional[str] = None) -> Dict[str, Any]:
        """Install or update an add-on.

        Args:
            url: where its descriptor is.
            room: None for the whole group.

        Returns: the installed add-on: id, key, name, scopes, events, room, ...
        """
        return self._call("POST", "addons", {"url": url, "room": room})

    def uninstall(self, addon_id: str) -> Dict[str, Any]:
        """Uninstall an add-on; return the status of its callback, or the error."""
        return self._call("DELETE", "addons/" + addon_id)

    def addons(self) -> List[Dict[str, Any]]:
        """Return the installed add-ons."""
        return self._call("GET", "addons")

    def requests(self) -> List[Dict[str, Any]]:
        """Return the API requests so far: method, path, status, when."""
        return self._call("GET", "requests")

    def forget(self) -> None:
        """Empty the records of deliveries and API requests."""
        self._call("DELETE", "deliveries")
        self._call("DELETE", "requests")

    def faults(self, *faults: Dict[str, Any]) -> None:
        """Let API requests fail, e.g. {"paths": "/webhook$", "status": 500, "times": 2}."""
        self._call("POST", "faults", list(faults))

    def spell(self, spelling: str) -> None:
        """List webhooks with their URLs "respelled", with "none", or "as made"."""
        self._call("POST", "spelling", {"spelling": spelling})

    def heal(self) -> None:
        """End all faults."""
        self._call("DELETE", "faults")

    def _call(self, method: str, what: str, body: Any = None, **query: str) -> Any:
        url = f"{self._url}/sandbox/{what}"
        response = self._session.request(method, url, json=body, params=query, timeout=30)
        if not response.ok:
            raise SandboxError(response.json()["error"]["message"])
        return response.json() if response.content else None
