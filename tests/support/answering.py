"""A server that answers as a test says, and a client of HipChat's API to call it with."""
import json
import socket
import time

from support.web_server import HttpServer, Reply

from hipchat.api.client import Client
from hipchat.config.api_settings import ApiSettings

TOKEN = "a-secret-token-of-forty-letters-or-so-xx"


class AnsweringServer(HttpServer):
    """Gives its answers in order, the last one for ever.

    An answer is a Reply, the JSON of a 200, or a function that gets the connection.
    """

    def __init__(self, tls=None):
        self.answers = [answer(204)]
        super().__init__(self._next, tls=tls)
        self.address = self.url.split("/")[2]
        self.url += "/v2"

    def _next(self, request):
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return found if callable(found) or isinstance(found, Reply) else answer(200, found)


def answer(status=200, body=b"", headers=(), reason=None):
    """A reply whose body is sent as JSON unless it is bytes."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, content, dict(headers), reason)


def dripping(before, drop):
    """Sends the one, and then the other every 50 ms for a minute."""
    def give(connection):
        connection.sendall(before)
        for _ in range(1200):
            connection.sendall(drop)
            time.sleep(0.05)
    return give


def late(seconds):
    """Sends nothing for so many seconds, and then hangs up."""
    return lambda connection: time.sleep(seconds)


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    socket.close(connection.detach())


def client_of(url, budget=None, **config):
    return Client(ApiSettings.from_config(dict({"api_key": TOKEN, "api_url": url}, **config)),
                  budget)
