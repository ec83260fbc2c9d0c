"""A HipChat server in a process of its own with a client, and a server for its webhooks."""

import itertools
import json
import threading

from support.servers import Hipchat
from support.waiting import wait_until
from support.web_server import HttpServer, Reply

names = ("Room-%d" % number for number in itertools.count(1))


class HipChat(Hipchat):
    """A HipChat server whose API can be called with any token."""

    def hook(self, room, receiver, event, token="TOKEN", **more):
        """Make a webhook of the room that delivers to the receiver; returns its id."""
        body = {"url": receiver.url + "/hook", "event": event, **more}
        answer = self.post(f"/room/{room}/webhook", body, token=token)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def call(self, method, path, token="TOKEN", **options):
        headers = dict(options.pop("headers", {}), Authorization=token and "Bearer " + token)
        return self.api(method, path, headers=headers, **options)

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
