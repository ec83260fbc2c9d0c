"""Finds the StackStorm alias that a command matches, among those allowed to the requester."""
from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple

from chatops.catalog import Listing
from chatops.chat_message import check_words
from chatops.errors import CommandRejected, StackStormError
from chatops.format_language import read_command
from chatops.help import hidden_by, nearest
from chatops.matching import Format, FormatMatch, formats_of, name_of
from chatops.permissions import Permissions
from chatops.stackstorm import StackStorm

__all__ = ["Aliases", "CommandForbidden", "find", "name_of", "named_alike", "problems_of",
           "unsupported_safeguard"]


class CommandForbidden(CommandRejected):
    """The requester is not allowed to run the command.

    Attributes:
        people_ids: HipChat's IDs of the people who are allowed to run the command here; empty if no
            one is.
    """

    def __init__(self, command: str, people_ids: Optional[List[int]]):
        self.people_ids = people_ids or []
        super().__init__(f"You may not run {command} here.")


class Aliases:
    """Finds aliases for the commands of one person in one room.

    Args:
        listing: all aliases and formats, as the catalog read them last.
        stackstorm: a client with permission to call StackStorm's own matching.
        person_id, room_id: HipChat's IDs of the person and of the room.
    """

    def __init__(self, listing: Listing, stackstorm: StackStorm, permissions: Permissions,
                 person_id: int, room_id: int):
        self._aliases, self._formats = listing
        self._stackstorm, self._permissions = stackstorm, permissions
        self._person_id, self._room_id = person_id, room_id

    def allowed(self) -> List[Format]:
        """Return the formats of the aliases that the person is allowed to run in the room."""
        return [format for format in self._formats if self._may(format)]

    def find(self, command: str) -> FormatMatch:
        """Find the one format that a command matches and that the person is allowed to run.

        Raises:
            CommandForbidden: the command matches only aliases that the person is not allowed to run
                here.
            CommandRejected: the command matches no format or several, or the pack or StackStorm
                cannot run it.
            NotACommand: the message is probably not meant as a command.
        """
        matches = _matches_of(command, self._formats)
        if not matches:
            raise _unknown(command, self._formats, self.allowed())
        allowed = [match for match in matches if self._may(match.format)]
        if not allowed:
            name = name_of(matches[0].format.alias)
            raise CommandForbidden(name, self._permissions.people_for(name, self._room_id))
        match = _best_of(allowed)
        problem = named_alike(self._aliases).get(match.format.alias["name"]) or (
            unsupported_safeguard(match.format.alias))
        if problem:
            raise CommandRejected(problem)
        # With match_multiple, StackStorm chooses the alias itself.
        if match.format.is_multiple and self._chosen_by_stackstorm(match.command) != (
                match.format.alias["ref"], match.format.representation):
            raise CommandRejected(
                f"StackStorm reads that as another command than {name_of(match.format.alias)}. "
                "Word it differently, or ask the authors of both aliases.")
        return match

    def _chosen_by_stackstorm(self, command: str) -> Optional[Tuple[str, str]]:
        """Return (alias ref, format) by StackStorm's matching; None if none or several match."""
        try:
            match = self._stackstorm.match(command)
        except StackStormError as error:
            if error.status == 400:
                return None
            raise
        return match["actionalias"]["ref"], match["representation"]

    def _may(self, format: Format) -> bool:
        return self._permissions.may(name_of(format.alias), self._person_id, self._room_id)


def named_alike(aliases: Iterable[Dict[str, Any]]) -> Dict[str, str]:
    """Return, by each name that aliases of several packs share, the problem and its remedy.

    Disabled aliases count too. The names are without pack.
    """
    refs_by_name: Dict[str, List[str]] = {}
    for alias in aliases:
        refs_by_name.setdefault(alias["name"], []).append(name_of(alias))
    return {name: f"StackStorm finds an alias by its name alone, and {' and '.join(sorted(refs))} "
                  "have the same name, so the pack does not run them. Rename all but one."
            for name, refs in refs_by_name.items() if len(refs) > 1}


def unsupported_safeguard(alias: Dict[str, Any]) -> str:
    """Return why the pack does not run an alias with `extra.security`; "" for other aliases.

    `extra.security` asks for a safeguard before each command, such as hubot-stackstorm's
    `twofactor`. This pack supports none, so it does not run such an alias.
    """
    extra = alias.get("extra")
    security = extra.get("security") if isinstance(extra, dict) else None
    if not security:
        return ""
    safeguards = ", ".join(sorted(security)) if isinstance(security, dict) else str(security)
    return (f"{name_of(alias)} asks for a safeguard that this pack does not have (extra.security: "
            f"{safeguards}), so the pack does not run it.")


def problems_of(aliases: Sequence[Dict[str, Any]]) -> List[str]:
    """Return a sentence for each problem that keeps people from running an enabled alias.

    The aliases must include disabled ones, because their names count too.
    """
    enabled = [alias for alias in aliases if alias.get("enabled", True)]
    problems = [*named_alike(aliases).values(), *map(unsupported_safeguard, enabled)]
    for format in (format for alias in enabled for format in formats_of(alias)):
        name = name_of(format.alias)
        if format.problem:
            problems.append(f"StackStorm cannot run {name}: {format.problem}.")
        hidden = hidden_by(format)
        if hidden:
            problems.append(f"{name} begins with {hidden}, which is built in: {format.label}")
    return sorted(set(filter(None, problems)))


def find(command: str, formats: List[Format]) -> FormatMatch:
    """Find the one format that a command matches, without a check of permissions.

    Raises:
        CommandRejected: the command matches no format or several, or StackStorm cannot run it.
        NotACommand: the message is probably not meant as a command.
    """
    matches = _matches_of(command, formats)
    if not matches:
        raise _unknown(command, formats, formats)
    return _best_of(matches)


def _matches_of(command: str, formats: List[Format]) -> List[FormatMatch]:
    """Return one match for each alias that the command matches.

    If the command matches several formats of an alias, the match is with the first that StackStorm
    accepts, or else with the first. A format with match_multiple counts only if no other format
    matches.
    """
    matches = [match for match in (format.match(command) for format in formats) if match]
    matches = [match for match in matches if not match.format.is_multiple] or matches
    first: Dict[str, FormatMatch] = {}
    for match in [match for match in matches if match.command] + matches:
        first.setdefault(name_of(match.format.alias), match)
    return list(first.values())


def _best_of(matches: List[FormatMatch]) -> FormatMatch:
    """Return the match that StackStorm accepts as typed, or else the one that it accepts recased.

    Raises:
        CommandRejected: StackStorm accepts several such matches, or the match has a `rejection`.
    """
    matches = ([match for match in matches if match.is_exact] or
               [match for match in matches if match.command] or matches)
    if len(matches) > 1:
        both = "; ".join(sorted(f"{match.format.label} ({name_of(match.format.alias)})"
                                for match in matches))
        raise CommandRejected(
            f"More than one command fits: {both}. Write more, or ask the authors of the aliases.")
    if matches[0].rejection:
        raise CommandRejected(matches[0].rejection)
    return matches[0]


def _unknown(command: str, formats: List[Format], allowed: List[Format]) -> CommandRejected:
    """Return the error for a command that matches no format.

    Args:
        formats: all formats: the error says if a word after the command would make it match one.
        allowed: the formats that the requester is allowed to run: the error suggests similar ones.

    Raises:
        NotACommand: the message is probably not meant as a command.
    """
    check_words(command)
    if read_command(command).ending and any(format.match(command + " .") for format in formats):
        return CommandRejected("StackStorm reads a last word with = in it as a parameter, not as "
                               "text. Write another word after it.")
    similar = "; ".join(nearest(command, allowed))
    return CommandRejected("There is no such command. " + (
        f"Did you mean: {similar}?" if similar else "You may run no commands here."))
