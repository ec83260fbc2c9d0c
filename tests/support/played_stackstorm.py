"""A fake of StackStorm's API and event stream: executions end when a test says so."""
import json
import queue
import socket
import threading
import time
import uuid
from datetime import datetime, timezone
from urllib.parse import parse_qs, urlsplit

from support.web_server import HttpServer, Reply

ALIAS_ID = "5c" * 12


def now():
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def new_id():
    return uuid.uuid4().hex[:24]


class PlayedStackStorm(HttpServer):
    """What a real one answered to the calls of commands.

    Attributes:
        faults: (method, path) -> (status, body), answered in place of what is right; a path that
            ends in "/" stands for all below it.
        ends_at_once: seconds after which each execution ends; 0 if a test ends it.
        has_authentication: the key "key-of-ann" is Ann's.
        hangs: seconds that a start takes, after it has started.
        calls: (method, path, body) of each call so far.
        listeners: the queues of the readers of the event stream.
    """

    def __init__(self, ends_at_once=0.0, has_authentication=False):
        self.aliases = [self.alias("say", ["say {{ words }}"])]
        self.executions, self.inquiries, self.listeners = {}, {}, []
        self.faults, self.calls, self.hangs, self.ends_at_once = {}, [], 0.0, ends_at_once
        self.has_stream, self.has_authentication = True, has_authentication
        super().__init__(self._respond, protocol="HTTP/1.1")
        self._server.socket.listen(128)
        self.url += "/v1"

    def config(self, **more):
        """The section of the pack's config that leads here."""
        return dict(more, api_url=self.url, stream_url=self.url + "/stream")

    def stop(self):
        self.end_streams()
        super().stop()

    @staticmethod
    def alias(name, formats, id=ALIAS_ID, **more):
        return dict({"id": id, "name": name, "pack": "ops", "ref": "ops." + name,
                     "action_ref": "ops." + name, "enabled": True, "formats": formats,
                     "result": {"format": "{{ execution.result.result }}"}}, **more)

    # What happens in StackStorm

    def end(self, execution_id, result="done", status="succeeded", is_sent=True, **more):
        """End an execution, and tell the stream."""
        execution = self.executions[execution_id]
        execution.update(dict({"status": status, "end_timestamp": now(), "result": {
            "result": result}, "result_size": len(str(result))}, **more))
        if is_sent:
            self.tell(execution)

    def retry(self, execution_id):
        """Run a failed execution again, as the policy action.retry does; returns the new ID."""
        failed, retry_id = self.executions[execution_id], new_id()
        self.executions[retry_id] = dict(
            failed, id=retry_id, status="running", liveaction={"id": "la" + retry_id[2:]},
            context=dict(failed["context"], policies={"retry": {
                "retry_count": 1, "retried_liveaction_id": failed["liveaction"]["id"]}}))
        return retry_id

    def ask(self, execution_id, is_sent=True):
        """Let a workflow ask something; returns the inquiry's id."""
        asked = new_id()
        self.executions[execution_id]["status"] = "paused"
        self.executions[asked] = {
            "id": asked, "status": "pending", "parent": execution_id,
            "action": {"ref": "core.ask"}, "start_timestamp": now(),
            "context": {"source_channel": self.executions[execution_id]["context"][
                "source_channel"]}}
        self.inquiries[asked] = {
            "id": asked, "route": "", "ttl": 60, "users": [], "roles": [],
            "schema": {"properties": {"go": {"type": "boolean", "description": "Go on?"}}}}
        if is_sent:
            self.tell(self.executions[asked])
        return asked

    def tell(self, execution, event="st2.execution__update"):
        """Put something on the event stream."""
        text = f"event: {event}\ndata: {json.dumps(execution)}\n\n".encode()
        for listener in list(self.listeners):
            listener.put(text)

    def end_streams(self):
        for listener in list(self.listeners):
            listener.put(None)

    def started(self):
        """The executions of commands, oldest first."""
        return [each for each in list(self.executions.values()) if "parent" not in each]

    # What is answered

    def _respond(self, request):
        url, body = urlsplit(request.path), json.loads(request.body or "null")
        path, query = url.path[len("/v1"):], {
            key: values[0] for key, values in parse_qs(url.query).items()}
        self.calls.append((request.method, path, body))
        if path == "/stream":
            return self._stream if self.has_stream else Reply(503, b"", {"Content-Length": "0"})
        key = request.headers.get("St2-Api-Key", "")
        below = path.rpartition("/")[0] + "/"
        fault = self.faults.get((request.method, path), self.faults.get((request.method, below)))
        if self.has_authentication and not key:
            fault = 401, {"faultstring": "Unauthorized"}
        elif path == "/user":
            fault = 200, {"username": key.rpartition("-")[2], "rbac": {"enabled": True}}
        status, found = fault or self._answer(request.method, path, query, body)
        content = json.dumps(found).encode()
        return Reply(status, content, {"Content-Length": str(len(content))})

    def _answer(self, method, path, query, body):
        kind, _, key = path[1:].partition("/")
        if (method, path) == ("POST", "/aliasexecution"):
            return self._start(body)
        if method == "PUT":
            return 200, {}
        if kind == "executions" and key:
            return (200, self.executions[key]) if key in self.executions else (404, {})
        if kind == "executions":
            found = [each for each in reversed(list(self.executions.values()))
                     if each["start_timestamp"] > query.get("timestamp_gt", "") and
                     query.get("status") in (None, each["status"]) and
                     query.get("action") in (None, each["action"]["ref"])]
            return 200, found[int(query["offset"]):][:int(query["limit"])]
        if kind == "actionalias":
            found = [each for each in self.aliases if key in ("", each["ref"], each["id"])]
            return 200, found[0] if key and found else found
        if kind == "inquiries":
            return 200, self.inquiries[key]
        return (200, {"ref": key}) if kind == "actions" else (404, {})

    def _start(self, body):
        alias = next(each for each in self.aliases if each["name"] == body["name"])
        id = new_id()
        self.executions[id] = execution = {
            "id": id, "status": "running", "action": {"ref": alias["action_ref"]},
            "runner": {"name": "python-script"}, "parameters": {"words": body["command"]},
            "start_timestamp": now(), "web_url": f"https://st2/#/history/{id}",
            "context": {"action_alias_ref": {"id": alias["id"], "name": alias["name"]},
                        "user": "stanley", "api_user": body["user"],
                        "source_channel": body["source_channel"]},
            "liveaction": {"id": "la" + id[2:], "notify": {"on-complete": {
                "routes": [body["notification_route"]],
                "data": {"source_context": body["source_context"]}}}}}
        if self.ends_at_once:
            threading.Timer(self.ends_at_once, self.end, [id, body["command"]]).start()
        time.sleep(self.hangs)
        return 201, {"execution": execution, "actionalias": alias, "message": "Started."}

    def _stream(self, connection):
        events = queue.Queue()
        self.listeners.append(events)
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
                               b"Content-Type: text/event-stream; charset=UTF-8\r\n\r\n\n")
            for event in iter(events.get, None):
                connection.sendall(event)
            connection.shutdown(socket.SHUT_RDWR)
        finally:
            self.listeners.remove(events)
