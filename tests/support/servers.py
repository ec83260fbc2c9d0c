"""HipChat and StackStorm from the sandbox, each in a process of its own."""
import itertools
import json
import pprint
import re
import uuid
from contextlib import AbstractContextManager
from urllib.parse import quote

import requests

from sandbox.both_servers import free_port
from sandbox.control_client import ControlClient
from support import processes
from support.waiting import wait_until
from support.warm import WarmServer

EVENTS = ["message", "notification", "enter", "exit", "topic_change",
          "archived", "unarchived", "created", "deleted", "file_upload"]
ENDED = ("succeeded", "failed", "timeout")  # what the status of an execution ends with
LAST = 15  # calls of HipChat's API and deliveries, in a report
TOKEN = "a-personal-access-token-of-forty-letters"
# The end of a webhook's URL. (The add-on's descriptor URL is shown, to be pasted.)
SIGNATURE = re.compile(r"/[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-]|/descriptor)")
JWT = re.compile(r"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.")


def direct():
    """An HTTP session that ignores the proxies of the environment."""
    session = requests.Session()
    session.trust_env = False
    return session


class Hipchat(AbstractContextManager):
    """A HipChat server in another process: url ends in /v2, people plays those in its rooms.

    ca_bundle is the path of the certificate to trust, where it serves https.
    """

    def __init__(self, *options, ca_bundle=None):
        self._child = WarmServer("hipchat", "--port", "0", "--token", TOKEN, *options)
        self.url = self._child.url()
        self.token = TOKEN
        self.people = ControlClient(self.url, ca_bundle)
        self._session = direct()
        self._session.verify = ca_bundle or True
        processes.watch(self._child.log_path, "HipChat at " + self.url, self,
                        self._last_calls)

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._child.stop()

    def _last_calls(self):
        calls = itertools.groupby(self.people.requests(),
                                  "{method} {path}: {status}".format_map)
        return "\n".join([
            "The last calls of its API:",
            *[f"{next(same)['when']}  {call}, {1 + len(list(same))} times"
              for call, same in calls][-LAST:],
            "Its last deliveries:",
            *map("{when}  {event} in {room}: {status} {error}".format_map,
                 self.people.deliveries()[-LAST:])])

    def api(self, method, path, token=TOKEN, headers=(), **more):
        """Call the API v2 with a token, or with none if it is None; returns the response."""
        headers = dict(headers, Authorization=token and "Bearer " + token)
        return self._session.request(
            method, self.url + path, headers=headers, timeout=60, **more)

    def get(self, path, **more):
        return self.api("GET", path, **more)

    def post(self, path, body=None, **more):
        return self.api("POST", path, json=body, **more)

    def put(self, path, body=None, **more):
        return self.api("PUT", path, json=body, **more)

    def delete(self, path, **more):
        return self.api("DELETE", path, **more)

    def oauth_token(self, client_id, secret):
        """A new access token of an integration."""
        answer = self.post("/oauth/token", {"grant_type": "client_credentials"},
                           auth=(client_id, secret))
        return answer.json()["access_token"]

    def make_room(self, **more):
        """Create a room and return its name; more: other fields, such as its privacy."""
        name = "Room " + uuid.uuid4().hex[:8]
        assert self.post("/room", dict(more, name=name)).status_code == 201
        return name

    def room_id(self, name):
        """The id of a room."""
        rooms = self.get("/room?max-results=1000&include-archived=true").json()["items"]
        return next(room["id"] for room in rooms if room["name"] == name)

    def rename(self, room, name, **more):
        """Rename a room, given by its name or id, or change something else of it."""
        path = f"/room/{quote(str(room), safe='')}"
        whole = self.get(path).json()
        assert self.put(path, dict(whole, name=name, **more)).status_code == 204

    def make_webhook(self, room, url, event="room_message", token=TOKEN, **more):
        """Create a webhook by hand; return its ID."""
        body = {"url": url, "event": event, "name": "by hand", **more}
        answer = self.post(f"/room/{room}/webhook", body, token=token)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def webhooks(self, room):
        """The webhooks of a room, whole."""
        path = f"/room/{quote(str(room), safe='')}/webhook?expand=items&max-results=1000"
        return self.get(path).json()["items"]


class Stackstorm(AbstractContextManager):
    """The pack in the sandbox's StackStorm, in another process.

    listener is the public_url, None if the config's webhook is; config is written as the pack's
    config file, and registered unless that is left to the test.
    """

    def __init__(self, directory, hipchat, options=(), registered=True, **config):
        self.directory = directory
        self._hipchat = hipchat
        port = free_port()
        self.listener = f"http://127.0.0.1:{port}/hipchat"
        self.config = {
            "api_key": hipchat.token, "api_url": hipchat.url,
            "spool": {"directory": str(directory / "spool")},
            "webhook": {"public_url": self.listener, "host": "127.0.0.1", "port": port}}
        for key, value in config.items():
            if isinstance(value, dict):
                value = dict(self.config.get(key, {}), **value)
            self.config[key] = value
        self.listener = (self.config["webhook"] or {}).get("public_url")
        self._options, self._registered, self._session = options, registered, direct()
        self.log_path = directory / "stackstorm.log"
        self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        """Start the process (again, after stop)."""
        file = self.directory / "hipchat.yaml"
        file.write_text(json.dumps(self.config))  # JSON is YAML
        config = ["--config", str(file)] if self._registered else []
        self._child = WarmServer("stackstorm", "--api-port", "0", *config, *self._options,
                                 "--datastore", str(self.directory / "datastore.json"),
                                 log_path=self.log_path)
        processes.watch(self.log_path, f"StackStorm with {self.listener}", self,
                        self._last_health)
        self._url = self._child.url()

    def stop(self):
        """End the process as StackStorm does; nothing secret may be in what it has logged."""
        self._child.stop()
        assert not secrets_in(self.log(), self.config)

    def kill(self):
        """Kill the process."""
        self.process.kill()
        self.process.wait()

    def restart(self):
        self.stop()
        self.start()

    @property
    def process(self):
        """The subprocess.Popen."""
        return self._child._process

    def log(self):
        return self.log_path.read_text()

    def log_lines(self, *words):
        """The lines of the log that contain all of these words."""
        return [line for line in self.log().splitlines() if all(word in line for word in words)]

    def health(self, timeout=60):
        """The JSON of GET {public_url}/health; {} if the connection is refused."""
        try:
            return self._session.get(self.listener + "/health", timeout=timeout).json() if (
                self.listener) else {}
        except requests.ConnectionError:
            return {}

    def _last_health(self):
        return "/health: " + pprint.pformat(self.health(timeout=5), width=100, compact=True)

    def has_its_webhooks(self):
        """Whether HipChat has all required webhooks."""
        webhooks = self.health().get("webhooks", {"wanted": 0})
        return webhooks["wanted"] and webhooks["present"] == webhooks["wanted"]

    def webhooks(self, room):
        """The webhooks in a room that post to this StackStorm."""
        return [hook for hook in self._hipchat.webhooks(room)
                if hook["url"].startswith(self.listener + "/")]

    def api(self, method, path, **more):
        """Call the API, whose shape is StackStorm's own; returns the answer's JSON."""
        answer = self._session.request(method, self._url + path, timeout=30, **more)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def set_fault(self, mode):
        """Make the broker or the database fail from now on; mode "none" ends it."""
        self.api("POST", "/sandbox/dispatch_faults", json={"mode": mode})

    def add_rule(self, event, parameters=None, criteria=None, action=None, name=None,
                 enabled=True):
        """Create a rule, by default one that never starts its action; returns its ref."""
        name = name or "rule_" + uuid.uuid4().hex[:8]
        if not criteria and not action:
            criteria = {"trigger.event": {"type": "equals", "pattern": "never"}}
        self.api("POST", "/v1/rules", json={
            "name": name, "pack": "hipchat", "enabled": enabled,
            "trigger": dict({"type": "hipchat." + event},
                            **({} if parameters is None else {"parameters": parameters})),
            "criteria": criteria or {},
            "action": action or {"ref": "hipchat.send", "parameters": {
                "room": "Nowhere", "message": "unused"}}})
        return "hipchat." + name

    def listen(self, event, room, name=None, **parameters):
        """Add a rule with these trigger parameters and wait for its webhook.

        Returns the ref of its trigger; name: what the parameters call the room, if not its name.
        """
        rule = self.add_rule(event, dict(parameters, room=name or room))
        wait_until(lambda: "room_" + event in [hook["event"] for hook in self.webhooks(room)],
                   what=f"the webhook for {event} in {room}")
        return self.trigger_of(rule)

    def remove_rule(self, ref):
        self.api("DELETE", "/v1/rules/" + ref)

    def trigger_of(self, rule):
        """The ref of a rule's trigger."""
        return self.api("GET", "/v1/rules/" + rule)["trigger"]["ref"]

    def payloads(self, trigger=None):
        """The payloads dispatched so far, oldest first: to one trigger, or to all."""
        params = {"limit": 100000}
        if trigger:
            params["trigger"] = trigger
        instances = self.api("GET", "/v1/triggerinstances", params=params)
        return [instance["payload"] for instance in reversed(instances)]

    def received(self, trigger, count=1):
        """The first payloads dispatched to a trigger, once there are `count` of them."""
        wait_until(lambda: len(self.payloads(trigger)) >= count)
        return self.payloads(trigger)

    def texts(self, trigger="hipchat.message", count=0):
        """The texts of the messages dispatched to a trigger, once there are `count` of them."""
        return [payload["message"] for payload in self.received(trigger, count)]

    def run_action(self, action, **parameters):
        """Run an action to its end; returns (succeeded, its result)."""
        execution = self.api("POST", "/v1/executions", json={
            "action": action, "parameters": parameters})
        path = "/v1/executions/" + execution["id"]
        wait_until(lambda: self.api("GET", path)["status"] in ENDED)
        execution = self.api("GET", path)
        return execution["status"] == "succeeded", execution["result"]["result"]


def secrets_in(text, config):
    """What the text shows of a config's secrets, of signed URLs and of signed requests."""
    secrets = [config.get("api_key"), config.get("oauth", {}).get("secret"),
               (config["webhook"] or {}).get("secret")]
    shown = [secret for secret in secrets if secret and len(secret) > 15 and secret in text]
    return shown + SIGNATURE.findall(text) + JWT.findall(text)
