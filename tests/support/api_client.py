"""A HipChat server in a process of its own with a client, and a server for its webhooks."""

import itertools
import json
import threading

from support import processes
from support.servers import direct
from support.waiting import wait_until
from support.warm import WarmServer
from support.web_server import HttpServer, Reply

from sandbox.control_client import ControlClient

names = ("Room-%d" % number for number in itertools.count(1))


class HipChat:
    """A server in a process of its own, and a client for it."""

    def __init__(self, *arguments):
        self._child = WarmServer("hipchat", "--port", "0", *arguments)
        self.url = self._child.url()
        self.people = ControlClient(self.url)
        self._session = direct()
        processes.watch(self._child.log_path, "HipChat at " + self.url, self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._child.stop()

    def make_room(self):
        """The name of a room that no other test uses."""
        name = next(names)
        assert self.post("/room", {"name": name}).status_code == 201
        return name

    def hook(self, room, receiver, event, token="TOKEN", **more):
        """Make a webhook of the room that delivers to the receiver; returns its id."""
        body = {"url": receiver.url + "/hook", "event": event, **more}
        answer = self.post(f"/room/{room}/webhook", body, token=token)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def call(self, method, path, token="TOKEN", **options):
        if token:
            options.setdefault("headers", {})["Authorization"] = "Bearer " + token
        return self._session.request(method, self.url + path, timeout=60, **options)

    def get(self, path, **options):
        return self.call("GET", path, **options)

    def post(self, path, body=None, **options):
        return self.call("POST", path, json=body, **options)

    def put(self, path, body=None, **options):
        return self.call("PUT", path, json=body, **options)

    def delete(self, path, **options):
        return self.call("DELETE", path, **options)


class Receiver(HttpServer):
    """A server for webhooks; answers with `status` and `answer` once `may_answer` is set."""

    def __init__(self):
        super().__init__(self._answer)
        self.received = []  # (path, headers, body) of each delivery
        self.status, self.answer, self.may_answer = 204, b"", threading.Event()
        self.may_answer.set()

    def _answer(self, request):
        self.may_answer.wait(60)
        self.received.append((request.path, dict(request.headers), request.body))
        return Reply(self.status, self.answer)

    def stop(self):
        self.may_answer.set()
        super().stop()

    def bodies(self, count):
        """Wait for `count` deliveries, and return the body of each."""
        wait_until(lambda: len(self.received) >= count)
        return [json.loads(body) for _, _, body in self.received]


def error(response):
    return response.json()["error"]
