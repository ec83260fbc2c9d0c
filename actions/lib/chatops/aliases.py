"""The one alias that a command is for."""
import json
from typing import Any, Dict, Iterable, List, Optional, Tuple

import re2

from chatops.command import check_words
from chatops.errors import CommandRejected, StackStormError
from chatops.help import nearest
from chatops.matching import Fit, Format, formats_of, pairs_at_end, pairs_in
from chatops.permissions import Permissions
from chatops.stackstorm import StackStorm

__all__ = ["Aliases", "CommandForbidden", "find", "name_of", "named_alike"]


class CommandForbidden(CommandRejected):
    """The person may not run the command; people are those who may, None for everybody."""

    def __init__(self, command: str, people: Optional[List[int]]):
        self.people = people or []
        super().__init__(f"You may not run {command} here.")


def name_of(alias: Dict[str, Any]) -> str:
    """How permissions name an alias."""
    return "{pack}.{name}".format_map(alias)


class Aliases:
    """All aliases of a StackStorm, as one person in one room may run them."""

    def __init__(self, stackstorm: StackStorm, permissions: Permissions, person: int, room: int):
        self._stackstorm, self._permissions = stackstorm, permissions
        self._person, self._room = person, room
        self._aliases = list(stackstorm.aliases())
        self._formats = [format for alias in self._aliases if alias.get("enabled", True)
                         for format in formats_of(alias)]

    def allowed(self) -> List[Format]:
        """The formats of the aliases that the person may run."""
        return [format for format in self._formats if self._may(format)]

    def find(self, command: str) -> Fit:
        """Find the one format that a command fits.

        Raises:
            CommandRejected, NotACommand: none fits, or more than one does.
        """
        fits = _fits_of(command, self._formats) or self._by_stackstorm(command)
        if not fits:
            raise _unknown(command, self._formats, self.allowed())
        allowed = [fit for fit in fits if self._may(fit.format)]
        if not allowed:
            name = name_of(fits[0].format.alias)
            raise CommandForbidden(name, self._permissions.who(name, self._room))
        fit = _only(allowed)
        ambiguous = named_alike(self._aliases).get(fit.format.alias["name"])
        if ambiguous:
            raise CommandRejected(ambiguous)
        if fit.format.multiple and self._found(fit.command) != _key(fit.format):
            # Then StackStorm chooses the alias itself, and knows formats that RE2 does not.
            raise CommandRejected("StackStorm takes that for another command than {}. Say it "
                                  "otherwise, or ask who made them."
                                  .format(name_of(fit.format.alias)))
        return fit

    def _by_stackstorm(self, command: str) -> List[Fit]:
        """By StackStorm's own matching, where formats have what RE2 has not, such as (?!...), or
        where it knows no letters but English ones.
        """
        strange = [format for format in self._formats if not format.is_regular(command)]
        if not strange:
            return []
        found = self._found(command)
        return [Fit(format, command, True, pairs_in(pairs_at_end(command)[1])) for format in strange
                if _key(format) == found]

    def _found(self, command: str) -> Optional[Tuple[str, str]]:
        """Which format StackStorm's own matching finds; None for none, or several."""
        try:
            found = self._stackstorm.match(command)
        except StackStormError as error:
            if error.status == 400:
                return None
            raise
        return found["actionalias"]["ref"], found["representation"]

    def _may(self, format: Format) -> bool:
        return self._permissions.may(name_of(format.alias), self._person, self._room)


def _key(format: Format) -> Tuple[str, str]:
    return format.alias["ref"], format.representation


def named_alike(aliases: Iterable[Dict[str, Any]]) -> Dict[str, str]:
    """The names that several aliases have, disabled ones too, with what is to be done about each.
    """
    found: Dict[str, List[str]] = {}
    for alias in aliases:
        found.setdefault(alias["name"], []).append(name_of(alias))
    return {name: "StackStorm runs an alias by its name alone, and {} have the same, so that none "
                  "of them is run. Rename all but one.".format(" and ".join(sorted(refs)))
            for name, refs in found.items() if len(refs) > 1}


def find(command: str, formats: List[Format]) -> Fit:
    """Find the one of these formats that a command fits; raises what Aliases.find() raises."""
    fits = _fits_of(command, formats)
    if not fits:
        raise _unknown(command, formats, formats)
    return _only(fits)


def _fits_of(command: str, formats: List[Format]) -> List[Fit]:
    """How the command fits; a format with match_multiple counts where no other fits."""
    fits = [fit for fit in (_fit(format, command) for format in formats) if fit]
    return [fit for fit in fits if not fit.format.multiple] or fits


def _fit(format: Format, command: str) -> Optional[Fit]:
    try:
        return format.fit(command)
    except re2.error:
        return None


def _only(fits: List[Fit]) -> Fit:
    """The fit, if there is one: those in the very case go first, and those that mean the same."""
    fits = [fit for fit in fits if fit.exact] or [fit for fit in fits if fit.command] or fits
    same = {(name_of(fit.format.alias), json.dumps(fit.values, sort_keys=True)) for fit in fits}
    if len(same) > 1:
        both = "; ".join(sorted(f"{fit.format.display} ({name_of(fit.format.alias)})"
                                for fit in fits))
        raise CommandRejected(
            f"More than one command fits: {both}. Say more, or ask who made them.")
    if not fits[0].command:
        raise CommandRejected(f"Capitals count in that command. Write it as: "
                              f"{fits[0].format.display}")
    return fits[0]


def _unknown(command: str, formats: List[Format], allowed: List[Format]) -> CommandRejected:
    """Why nothing fits; NotACommand is raised where it may be no command at all."""
    check_words(command)
    if pairs_at_end(command)[1] and any(_fit(format, command + " .") for format in formats):
        return CommandRejected("StackStorm takes a last word with = in it for a parameter, and not "
                               "for text. Let another word follow it.")
    like = nearest(command, allowed)
    return CommandRejected("There is no such command. {}".format(
        "Did you mean: {}?".format("; ".join(like)) if like else "You may run none here."))
