"""Finds the alias that a command is for, among those that the requester may run."""
from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple

from chatops.catalog import Listing
from chatops.command import check_words
from chatops.errors import CommandRejected, StackStormError
from chatops.format_language import read_command
from chatops.help import hidden_by, nearest
from chatops.matching import Fit, Format, formats_of, name_of
from chatops.permissions import Permissions
from chatops.stackstorm import StackStorm

__all__ = ["Aliases", "CommandForbidden", "find", "name_of", "named_alike", "problems_of",
           "unkept_safeguard"]


class CommandForbidden(CommandRejected):
    """The requester may not run the command.

    Attributes:
        people_ids: the people who may run it.
    """

    def __init__(self, command: str, people_ids: Optional[List[int]]):
        self.people_ids = people_ids or []
        super().__init__(f"You may not run {command} here.")


class Aliases:
    """StackStorm's aliases, for the commands of one person in one room."""

    def __init__(self, listing: Listing, stackstorm: StackStorm, permissions: Permissions,
                 person_id: int, room_id: int):
        self._aliases, self._formats = listing
        self._stackstorm, self._permissions = stackstorm, permissions
        self._person_id, self._room_id = person_id, room_id

    def allowed(self) -> List[Format]:
        """Return the formats of the aliases that the person may run."""
        return [format for format in self._formats if self._may(format)]

    def find(self, command: str) -> Fit:
        """Find the one format that a command fits, and that the person may run.

        Raises:
            CommandForbidden: the person may run no alias that fits.
            CommandRejected: no format fits, or several fit, or StackStorm cannot run it.
            NotACommand: the text is probably not meant as a command.
        """
        fits = _fits_of(command, self._formats)
        if not fits:
            raise _unknown(command, self._formats, self.allowed())
        allowed = [fit for fit in fits if self._may(fit.format)]
        if not allowed:
            name = name_of(fits[0].format.alias)
            raise CommandForbidden(name, self._permissions.people_for(name, self._room_id))
        fit = _only(allowed)
        problem = named_alike(self._aliases).get(fit.format.alias["name"]) or (
            unkept_safeguard(fit.format.alias))
        if problem:
            raise CommandRejected(problem)
        # With match_multiple, StackStorm chooses the alias itself.
        if fit.format.is_multiple and self._chosen_by_stackstorm(fit.command) != (
                fit.format.alias["ref"], fit.format.representation):
            raise CommandRejected(
                f"StackStorm reads that as another command than {name_of(fit.format.alias)}. Word "
                "it differently, or ask the authors of both aliases.")
        return fit

    def _chosen_by_stackstorm(self, command: str) -> Optional[Tuple[str, str]]:
        """Return the alias and format that StackStorm matches; None if it matches none or several.
        """
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
    """Return the names that several aliases share, disabled ones too, each with its remedy."""
    refs_by_name: Dict[str, List[str]] = {}
    for alias in aliases:
        refs_by_name.setdefault(alias["name"], []).append(name_of(alias))
    return {name: f"StackStorm finds an alias by its name alone, and {' and '.join(sorted(refs))} "
                  "have the same name, so the pack does not run them. Rename all but one."
            for name, refs in refs_by_name.items() if len(refs) > 1}


def unkept_safeguard(alias: Dict[str, Any]) -> str:
    """Return why the pack does not run an alias with a safeguard (extra.security), or "".

    hubot-stackstorm has one safeguard, extra.security.twofactor. This pack has none.
    """
    extra = alias.get("extra")
    security = extra.get("security") if isinstance(extra, dict) else None
    if not security:
        return ""
    safeguards = ", ".join(sorted(security)) if isinstance(security, dict) else str(security)
    return (f"{name_of(alias)} asks for a safeguard that this pack does not have (extra.security: "
            f"{safeguards}), so the pack does not run it.")


def problems_of(aliases: Sequence[Dict[str, Any]]) -> List[str]:
    """Return the problems that keep people from running enabled aliases, a sentence for each."""
    enabled = [alias for alias in aliases if alias.get("enabled", True)]
    problems = [*named_alike(aliases).values(), *map(unkept_safeguard, enabled)]
    for format in (format for alias in enabled for format in formats_of(alias)):
        name = name_of(format.alias)
        if format.problem:
            problems.append(f"StackStorm cannot run {name}: {format.problem}.")
        hidden = hidden_by(format)
        if hidden:
            problems.append(f"{name} begins with {hidden}, which is built in: {format.label}")
    return sorted(set(filter(None, problems)))


def find(command: str, formats: List[Format]) -> Fit:
    """Find the one of these formats that a command fits, without permissions.

    Raises:
        CommandRejected: no format fits, or several fit, or StackStorm cannot run it.
        NotACommand: the text is probably not meant as a command.
    """
    fits = _fits_of(command, formats)
    if not fits:
        raise _unknown(command, formats, formats)
    return _only(fits)


def _fits_of(command: str, formats: List[Format]) -> List[Fit]:
    """Return one fit for each alias that the command fits.

    It is the alias's first fit that StackStorm accepts, or else its first. A format with
    match_multiple counts only if no other format fits.
    """
    fits = [fit for fit in (format.fit(command) for format in formats) if fit]
    fits = [fit for fit in fits if not fit.format.is_multiple] or fits
    first: Dict[str, Fit] = {}
    for fit in [fit for fit in fits if fit.command] + fits:
        first.setdefault(name_of(fit.format.alias), fit)
    return list(first.values())


def _only(fits: List[Fit]) -> Fit:
    """Return the best fit: as typed, or else one that StackStorm accepts; raises CommandRejected
    if several are equally good."""
    fits = [fit for fit in fits if fit.is_exact] or [fit for fit in fits if fit.command] or fits
    if len(fits) > 1:
        both = "; ".join(sorted(f"{fit.format.label} ({name_of(fit.format.alias)})"
                                for fit in fits))
        raise CommandRejected(
            f"More than one command fits: {both}. Write more, or ask the authors of the aliases.")
    if fits[0].rejection:
        raise CommandRejected(fits[0].rejection)
    return fits[0]


def _unknown(command: str, formats: List[Format], allowed: List[Format]) -> CommandRejected:
    """Return the reason why no format fits; raises NotACommand if it is probably no command."""
    check_words(command)
    if read_command(command).ending and any(format.fit(command + " .") for format in formats):
        return CommandRejected("StackStorm reads a last word with = in it as a parameter, not as "
                               "text. Write another word after it.")
    similar = "; ".join(nearest(command, allowed))
    return CommandRejected("There is no such command. " + (
        f"Did you mean: {similar}?" if similar else "You may run no commands here."))
