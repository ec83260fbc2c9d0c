"""The part of StackStorm's HTTP API that the pack, the demo and the tests use."""

import json
from operator import attrgetter
from typing import Any, Dict, Iterable, List, NamedTuple, Tuple

from werkzeug.exceptions import BadRequest, Conflict, HTTPException, NotFound
from werkzeug.routing import Map, Rule as Route
from werkzeug.wrappers import Request, Response

from sandbox.stackstorm.actions import Actions
from sandbox.stackstorm.alias_api import AliasApi
from sandbox.stackstorm.aliases import Aliases
from sandbox.stackstorm.broker import Broker, TriggerInstance
from sandbox.stackstorm.errors import Invalid
from sandbox.stackstorm.event_stream import EventStream
from sandbox.stackstorm.pack import Pack
from sandbox.stackstorm.rules import Rule, Rules
from sandbox.stackstorm.triggers import Triggers

DEFAULT_LIMIT = 100

# Each endpoint is a method of Api. They are compiled once per process, because that is slow.
ROUTES = Map([
    Route(path, methods=[method], endpoint=attrgetter(name)) for method, path, name in (
        ("GET", "/v1/rules", "_list_rules"),
        ("POST", "/v1/rules", "_create_rule"),
        ("GET", "/v1/rules/<ref>", "_get_rule"),
        ("PUT", "/v1/rules/<ref>", "_replace_rule"),
        ("DELETE", "/v1/rules/<ref>", "_delete_rule"),
        ("PUT", "/v1/configs/<ref>", "_put_config"),
        ("GET", "/v1/triggers", "_list_triggers"),
        ("GET", "/v1/triggerinstances", "_list_instances"),
        ("GET", "/v1/ruleenforcements", "_list_enforcements"),
        ("GET", "/v1/executions", "_list_executions"),
        ("POST", "/v1/executions", "_run_action"),
        ("GET", "/v1/executions/<ref>", "_get_execution"),
        ("GET", "/v1/actionalias", "_alias_api.list"),
        ("POST", "/v1/actionalias/match", "_alias_api.match"),
        ("GET", "/v1/actionalias/<ref>", "_alias_api.get"),
        ("POST", "/v1/aliasexecution", "_alias_api.run"),
        ("POST", "/v1/aliasexecution/match_and_execute", "_alias_api.refuse"),
        ("GET", "/v1/stream", "_stream.respond"),
        ("GET", "/v1/user", "_alias_api.user"),
        ("GET", "/v1/inquiries/<ref>", "_alias_api.refuse"),
        ("PUT", "/v1/inquiries/<ref>", "_alias_api.refuse"),
        ("POST", "/sandbox/dispatch_faults", "_set_fault"))])

Answer = Tuple[int, Any]


class Services(NamedTuple):
    """The parts of a StackStorm that its API gives access to."""

    pack: Pack
    triggers: Triggers
    rules: Rules
    actions: Actions
    broker: Broker
    aliases: Aliases
    stream: EventStream


class Api:
    """The API as a WSGI application; errors have the body {"faultstring": text}."""

    def __init__(self, services: Services):
        self._pack, self._triggers, self._rules = (
            services.pack, services.triggers, services.rules)
        self._actions, self._broker = services.actions, services.broker
        self._alias_api = AliasApi(services.aliases, _page)
        self._stream = services.stream

    def __call__(self, environ: Dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Respond to one request."""
        try:
            endpoint, values = ROUTES.bind_to_environ(environ).match()
            response = endpoint(self)(Request(environ), **values)
            if isinstance(response, Response):
                return response(environ, start_response)
            status, body = response
        except Invalid as error:
            status, body = 400, {"faultstring": str(error)}
        except HTTPException as error:
            status, body = error.code, {"faultstring": error.description}
        text = "" if body is None else json.dumps(body)
        return Response(text, status, mimetype="application/json")(environ, start_response)

    def _list_rules(self, request: Request) -> Answer:
        return 200, _page(request, (each.to_dict() for each in self._rules), pack="pack")

    def _create_rule(self, request: Request) -> Answer:
        body = _body(request)
        ref = f"{body.get('pack', 'default')}.{body.get('name')}"
        if ref in self._rules:
            raise Conflict(f"There is a rule {ref!r} already.")
        return 201, self._rules.put(body).to_dict()

    def _get_rule(self, request: Request, ref: str) -> Answer:
        return 200, self._rule(ref).to_dict()

    def _replace_rule(self, request: Request, ref: str) -> Answer:
        self._rule(ref)
        return 200, self._rules.put(_body(request)).to_dict()

    def _delete_rule(self, request: Request, ref: str) -> Answer:
        self._rules.delete(self._rule(ref).ref)
        return 204, None

    def _put_config(self, request: Request, ref: str) -> Answer:
        if ref != self._pack.ref:
            raise NotFound(f"There is no pack {ref!r}.")
        self._pack.register(_body(request))
        return 200, {"pack": ref, "values": self._pack.registered}

    def _rule(self, ref: str) -> Rule:
        return _first((each for each in self._rules if ref in (each.ref, each.id)), "rule", ref)

    def _list_triggers(self, request: Request) -> Answer:
        triggers = (each.to_dict() for each in self._triggers.query())
        return 200, _page(request, triggers, type="type")

    def _list_instances(self, request: Request) -> Answer:
        return 200, _page(request, map(_instance, reversed(self._broker.history)),
                          trigger="trigger")

    def _list_enforcements(self, request: Request) -> Answer:
        return 200, _page(request, self._rules.enforcements(),
                          trigger_instance="trigger_instance_id")

    def _list_executions(self, request: Request) -> Answer:
        since = request.args.get("timestamp_gt", "")
        found = (each for each in self._actions.executions() if each["start_timestamp"] > since)
        return 200, _page(request, found, action="action.ref", status="status")

    def _run_action(self, request: Request) -> Answer:
        body = _body(request)
        return 201, self._actions.request(str(body.get("action")), body.get("parameters") or {})

    def _get_execution(self, request: Request, ref: str) -> Answer:
        return 200, _first((each for each in self._actions.executions() if each["id"] == ref),
                           "execution", ref)

    def _set_fault(self, request: Request) -> Answer:
        self._broker.set_fault(str(_body(request).get("mode")))
        return 200, _body(request)


def _instance(instance: TriggerInstance) -> Dict[str, Any]:
    return {**vars(instance), "payload": json.loads(instance.payload)}


def _body(request: Request) -> Dict[str, Any]:
    body = request.get_json(force=True)
    if not isinstance(body, dict):
        raise BadRequest("The body must be a JSON object.")
    return body


def _first(found: Iterable[Any], kind: str, ref: str) -> Any:
    for each in found:
        return each
    raise NotFound(f"There is no {kind} {ref!r}.")


def _page(request: Request, items: Iterable[Dict[str, Any]], **filters: str) -> List[Any]:
    """Return the items that match the query.

    Args:
        request: the request.
        items: all items.
        filters: parameters of the query, each with the key of an item that it filters by.
    """
    values = {key: request.args[name] for name, key in filters.items() if name in request.args}
    found = [item for item in items
             if all(_value(item, key) == value for key, value in values.items())]
    limit, offset = (request.args.get(name, default, int)
                     for name, default in (("limit", DEFAULT_LIMIT), ("offset", 0)))
    return found[offset:] if limit == -1 else found[offset:offset + limit]


def _value(item: Dict[str, Any], key: str) -> Any:
    first, _, rest = key.partition(".")
    return _value(item[first], rest) if rest else item[first]
