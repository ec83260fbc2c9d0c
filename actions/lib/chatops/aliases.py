"""Finds the StackStorm alias that a command matches, among those allowed to the requester."""
from typing import Any, Callable, Dict, Iterable, List, Sequence

from chatops.catalog import Listing
from chatops.chat_message import check_words
from chatops.errors import CommandForbidden, CommandRejected, StackStormError
from chatops.format_language import read_command
from chatops.help import hidden_by, nearest
from chatops.matching import Format, FormatMatch, formats_of, name_of
from chatops.stackstorm import StackStorm

__all__ = ["check_choice", "find", "name_of", "problems_of"]


def find(command: str, listing: Listing,
         is_allowed: Callable[[Format], bool] = lambda format: True) -> FormatMatch:
    """Find the one format that a command matches and that the requester is allowed to run.

    Raises:
        CommandForbidden: the command matches only formats that are not allowed.
        CommandRejected: the command matches no format or several, or the pack or StackStorm cannot
            run it.
        NotACommand: the message is probably not meant as a command.
    """
    matches = _matches_of(command, listing.formats)
    if not matches:
        raise _unknown(command, listing.formats, filter(is_allowed, listing.formats))
    allowed = [match for match in matches if is_allowed(match.format)]
    if not allowed:
        raise CommandForbidden(name_of(matches[0].format.alias))
    match = _best_of(command, allowed)
    alias = match.format.alias
    problem = _named_alike(listing.aliases).get(alias["name"]) or _unsupported_safeguard(alias)
    if problem:
        raise CommandRejected(problem)
    return match


def check_choice(match: FormatMatch, stackstorm: StackStorm) -> None:
    """Raise CommandRejected unless StackStorm would choose the same alias and format as a match.

    Only a format with match_multiple needs this check: the call that starts all executions of a
    command states no alias and no format, so StackStorm chooses them.
    """
    try:
        found = stackstorm.match(match.command)
        chosen = found["actionalias"]["ref"], found["representation"]
    except StackStormError as error:
        if error.status != 400:  # no alias or several match
            raise
        chosen = None
    if chosen != (match.format.alias["ref"], match.format.representation):
        raise CommandRejected(
            f"StackStorm reads that as another command than {name_of(match.format.alias)}. Word it "
            "differently, or ask the authors of both aliases.")


def _named_alike(aliases: Iterable[Dict[str, Any]]) -> Dict[str, str]:
    """Return the problem by each name (without pack) that several aliases, even disabled, have."""
    refs_by_name: Dict[str, List[str]] = {}
    for alias in aliases:
        refs_by_name.setdefault(alias["name"], []).append(name_of(alias))
    return {name: f"StackStorm finds an alias by its name alone, and {' and '.join(sorted(refs))} "
                  "have the same name, so the pack does not run them. Rename all but one."
            for name, refs in refs_by_name.items() if len(refs) > 1}


def _unsupported_safeguard(alias: Dict[str, Any]) -> str:
    """Return why the pack does not run an alias with `extra.security`; "" for other aliases."""
    extra = alias.get("extra")
    security = extra.get("security") if isinstance(extra, dict) else None
    if not security:
        return ""
    safeguards = ", ".join(sorted(security)) if isinstance(security, dict) else str(security)
    return (f"{name_of(alias)} asks for a safeguard that this pack does not have (extra.security: "
            f"{safeguards}), so the pack does not run it.")


def problems_of(aliases: Sequence[Dict[str, Any]]) -> List[str]:
    """Return a sentence for each problem that keeps people from running an enabled alias.

    Args:
        aliases: all aliases; also a disabled one keeps another of the same name from running.
    """
    enabled = [alias for alias in aliases if alias.get("enabled", True)]
    problems = [*_named_alike(aliases).values(), *map(_unsupported_safeguard, enabled)]
    for format in (format for alias in enabled for format in formats_of(alias)):
        name = name_of(format.alias)
        if format.problem:
            problems.append(f"StackStorm cannot run {name}: {format.problem}.")
        hidden = hidden_by(format)
        if hidden:
            problems.append(f"{name} begins with {hidden}, which is built in: {format.label}")
    return sorted(set(filter(None, problems)))


def _matches_of(command: str, formats: List[Format]) -> List[FormatMatch]:
    """Return one match for each alias that the command matches.

    If the command matches several formats of an alias, the match is with the first that StackStorm
    accepts, or else with the first. A format with match_multiple counts only if no other format
    matches.
    """
    matches = list(filter(None, (format.match(command) for format in formats)))
    matches = [match for match in matches if not match.format.is_multiple] or matches
    first: Dict[str, FormatMatch] = {}
    for match in [match for match in matches if match.command] + matches:
        first.setdefault(name_of(match.format.alias), match)
    return list(first.values())


def _best_of(command: str, matches: List[FormatMatch]) -> FormatMatch:
    """Return the match that StackStorm accepts as typed, or else the one that it accepts recased.

    Raises CommandRejected for several such matches, and for a match with a `rejection`.
    """
    matches = ([match for match in matches if match.command == command] or
               [match for match in matches if match.command] or matches)
    if len(matches) > 1:
        both = "; ".join(sorted(f"{match.format.label} ({name_of(match.format.alias)})"
                                for match in matches))
        raise CommandRejected(
            f"More than one command fits: {both}. Write more, or ask the authors of the aliases.")
    if matches[0].rejection:
        raise CommandRejected(matches[0].rejection)
    return matches[0]


def _unknown(command: str, formats: List[Format], allowed: Iterable[Format]) -> CommandRejected:
    """Return the error for a command that matches no format; it suggests similar `allowed` ones.

    Raises NotACommand if the message is probably not meant as a command.
    """
    check_words(command)
    if read_command(command).ending and any(format.match(command + " .") for format in formats):
        return CommandRejected("StackStorm reads a last word with = in it as a parameter, not as "
                               "text. Write another word after it.")
    similar = "; ".join(nearest(command, allowed))
    return CommandRejected("There is no such command. " + (
        f"Did you mean: {similar}?" if similar else "You may run no commands here."))
