"""Waiting for a condition; a failure shows the condition and the last value of each part."""
import ast
import functools
import inspect
import linecache
import time

from _pytest.assertion.rewrite import rewrite_asserts
from eventlet import sleep

LIMIT = 20  # seconds


def wait_until(condition, seconds=LIMIT, what=""):
    """Return the first true value of the condition; fail the test after a time limit.

    Greenlets of this process run during the wait. Where the condition is a lambda, the failure
    shows its source and, as pytest does for an assert, the value of each part.

    Args:
        condition: called without arguments, again and again.
        seconds: say why, where it is more than the default.
        what: what is waited for, where the condition does not say it itself.
    """
    __tracebackhide__ = True
    began = time.monotonic()
    while True:
        asked = time.monotonic()
        value = condition()
        if value:
            return value
        if asked >= began + seconds:
            raise AssertionError(
                f"waited {asked - began:.1f} s for {what or _source(condition)}\n"
                f"last seen: {_explained(condition, value)}")
        sleep(pause_since(asked, began))


def pause_since(asked, began):
    """Seconds until the next call of a condition.

    A call may not slow what it looks at, and what took long may be seen a little late.

    Args:
        asked: when the condition was called last, in time.monotonic()'s seconds.
        began: when the wait began, likewise.
    """
    now = time.monotonic()
    return min(0.25, max(0.02, 5 * (now - asked), (now - began) / 4))


def _source(condition):
    """The condition as it stands in the test."""
    body = _body(condition)
    if not body:
        return getattr(condition, "__qualname__", repr(condition)) + "()"
    file = "".join(linecache.getlines(condition.__code__.co_filename))
    return " ".join(ast.get_source_segment(file, body).split())


def _explained(condition, value):
    """What pytest says of `assert CONDITION`: the two sides of a comparison, and their parts."""
    body = _body(condition)
    if not body:
        return repr(value)
    module = ast.parse("assert None")
    module.body[0].test = body
    rewrite_asserts(module, b"")
    variables = inspect.getclosurevars(condition)
    names = {**condition.__globals__, **variables.nonlocals}
    try:
        exec(compile(ast.fix_missing_locations(module), "condition", "exec"), names)
    except AssertionError as error:
        return str(error)
    return "it came true a moment too late"


def _body(condition):
    """The syntax tree of a lambda's body; None of another callable's."""
    if getattr(condition, "__name__", None) != "<lambda>":
        return None
    code = condition.__code__
    used = set(code.co_names + code.co_freevars)
    here = [each.body for each in _lambdas(code.co_filename)
            if each.lineno == code.co_firstlineno and used <= _names(each)]
    return here[0] if here else None


@functools.lru_cache(maxsize=None)
def _lambdas(path):
    tree = ast.parse("".join(linecache.getlines(path)))
    return [node for node in ast.walk(tree) if isinstance(node, ast.Lambda)]


def _names(tree):
    nodes = list(ast.walk(tree))
    return ({node.id for node in nodes if isinstance(node, ast.Name)} |
            {node.attr for node in nodes if isinstance(node, ast.Attribute)})
