"""Runs Python actions, and records their executions."""

import json
import logging
import os
import traceback
from collections import deque
from datetime import datetime
from typing import Any, Callable, Deque, Dict, List, Optional, Tuple

import eventlet

from sandbox.stackstorm import parameters, plugins
from sandbox.stackstorm.errors import Invalid, Unsupported
from sandbox.stackstorm.ids import new_id, now
from sandbox.stackstorm.pack import Pack

LOG = logging.getLogger("sandbox.actions")
HISTORY = 1000
POOL_SIZE = 60
WEB_URL = "https://localhost/#/history/"

RUNNER_PARAMETERS = {"timeout": {"type": "integer", "default": 600}}
REFUSED_PARAMETERS = {"content_version", "debug", "env", "log_level"}

Execution = Dict[str, Any]


class Actions:
    """The actions of a pack; each execution runs in a greenlet of this process.

    Args:
        pack: the pack.
        ended: called with each execution that has ended.

    Attributes:
        api_url: the URL of StackStorm's API, for actions.
    """

    def __init__(self, pack: Pack, ended: Callable[[Execution], None] = lambda execution: None):
        self._pack, self._ended = pack, ended
        self.api_url = ""
        self._actions = {f"{pack.ref}.{action['name']}": action
                         for action in pack.actions}
        self._executions: Deque[Execution] = deque(maxlen=HISTORY)
        self._pool = eventlet.GreenPool(POOL_SIZE)

    def executions(self) -> List[Execution]:
        """Return the last 1000 executions, newest first, as StackStorm's API shows them."""
        return list(reversed(self._executions))

    def request(self, ref: str, given: Dict[str, Any], origin: Optional[Dict[str, Any]] = None,
                **context: Any) -> Execution:
        """Start an action.

        Args:
            ref: the action.
            given: its parameters, which may contain templates.
            origin: further keys of the execution, such as its rule.
            context: what the templates can use, e.g. trigger=payload.

        Returns: the execution.

        Raises:
            Invalid: StackStorm would not start it.
        """
        action, values = self.prepare(ref, given, **context)
        if action["runner_type"] != "python-script":
            raise Unsupported("the sandbox supports python-script actions only, "
                          f"{ref!r} is {action['runner_type']!r}")
        id = new_id()
        execution = {"id": id, "status": "requested", "action": {"ref": ref},
                     "runner": {"name": action["runner_type"]},
                     "parameters": {name: value for name, value in values.items()
                                    if name in given},
                     "start_timestamp": now(), "web_url": f"{WEB_URL}{id}/general",
                     **(origin or {})}
        self._executions.append(execution)
        self._pool.spawn_n(self._run, action, execution, values)
        return execution

    def prepare(self, ref: str, given: Dict[str, Any],
                **context: Any) -> Tuple[Dict[str, Any], Dict[str, Any]]:
        """Return an action, and the value of each of its parameters; raise Invalid."""
        action = self.definition(ref)
        context["config_context"] = self._pack.config
        context["action_context"] = {**context.get("action_context", {}), "pack": self._pack.ref}
        return action, parameters.prepare(given, _schemas(action, given), context)

    def definition(self, ref: str) -> Dict[str, Any]:
        """Return an action's metadata; raise Invalid if it does not exist or is disabled."""
        action = self._actions.get(ref)
        if action is None:
            raise Invalid(f"there is no action {ref!r}")
        if not action.get("enabled", True):
            raise Invalid(f"action {ref!r} is disabled")
        return action

    def _run(self, action: Dict[str, Any], execution: Execution, values: Dict[str, Any]) -> None:
        execution["status"] = "running"
        timeout = values.pop("timeout")
        with eventlet.Timeout(timeout, False):
            execution.update(self._outcome(action, execution, values))
        if execution["status"] == "running":
            execution.update(status="timeout", result={
                "error": f"Action failed to complete in {timeout} seconds"})
        execution["end_timestamp"] = now()
        execution["elapsed_seconds"] = _seconds(execution)
        self._ended(execution)
        succeeded = execution["status"] == "succeeded"
        LOG.log(logging.INFO if succeeded else logging.ERROR, "%s %s %s: %s", execution["id"],
                execution["action"]["ref"], execution["status"], execution["result"])

    def _outcome(self, action: Dict[str, Any], execution: Execution,
                 values: Dict[str, Any]) -> Dict[str, Any]:
        try:
            instance = self._instance(action)
            # All actions share this environment: each must read it before it first yields.
            os.environ.update(ST2_ACTION_API_URL=self.api_url,
                              ST2_ACTION_EXECUTION_ID=execution["id"])
            output = instance.run(**values)
            succeeded, result = output if _is_pair(output) else (True, output)
            result = json.loads(json.dumps(result, default=str))
        except (Exception, SystemExit):
            return {"status": "failed",
                    "result": {"result": None, "exit_code": 1, "stderr": traceback.format_exc()}}
        # StackStorm treats every value but True as a failure.
        return {"status": "succeeded" if succeeded is True else "failed",
                "result": {"result": result, "exit_code": int(succeeded is not True), "stderr": ""}}

    def _instance(self, action: Dict[str, Any]) -> Any:
        from st2common.runners.base_action import Action
        directory = self._pack.path / "actions"
        plugins.add_to_path(directory / "lib", first=True)
        cls = plugins.load_class(directory / action["entry_point"], (Action,))
        return cls(config=self._pack.config)


def _schemas(action: Dict[str, Any], given: Dict[str, Any]) -> Dict[str, Dict[str, Any]]:
    own = action.get("parameters") or {}
    for name in REFUSED_PARAMETERS.intersection([*own, *given]):
        raise Unsupported(f"the sandbox does not support the runner's parameter {name!r}")
    # An action may override a part of a runner's parameter, e.g. its default.
    changed = {name: {**schema, **own.get(name, {})} for name, schema in RUNNER_PARAMETERS.items()}
    return {**own, **changed}


def _seconds(execution: Execution) -> float:
    start, end = (datetime.strptime(execution[key], "%Y-%m-%dT%H:%M:%S.%fZ")
                  for key in ("start_timestamp", "end_timestamp"))
    return (end - start).total_seconds()


def _is_pair(output: Any) -> bool:
    return isinstance(output, tuple) and len(output) == 2
