"""The one alias that a command is for."""
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
    """The person may not run the command; `people` are those who may, None for everybody."""

    def __init__(self, command: str, people: Optional[List[int]]):
        self.people = people or []
        super().__init__(f"You may not run {command} here.")


class Aliases:
    """All aliases of a StackStorm, as one person in one room may run them."""

    def __init__(self, listing: Listing, stackstorm: StackStorm, permissions: Permissions,
                 person: int, room: int):
        self._aliases, self._formats = listing
        self._stackstorm, self._permissions = stackstorm, permissions
        self._person, self._room = person, room

    def allowed(self) -> List[Format]:
        """The formats of the aliases that the person may run."""
        return [format for format in self._formats if self._may(format)]

    def find(self, command: str) -> Fit:
        """Find the one format that a command fits.

        Raises:
            CommandRejected, NotACommand: none fits, or more than one does.
        """
        fits = _fits_of(command, self._formats)
        if not fits:
            raise _unknown(command, self._formats, self.allowed())
        allowed = [fit for fit in fits if self._may(fit.format)]
        if not allowed:
            name = name_of(fits[0].format.alias)
            raise CommandForbidden(name, self._permissions.who(name, self._room))
        fit = _only(allowed)
        problem = named_alike(self._aliases).get(fit.format.alias["name"]) or (
            unkept_safeguard(fit.format.alias))
        if problem:
            raise CommandRejected(problem)
        if fit.format.multiple and self._found(fit.command) != _key(fit.format):
            # Then StackStorm chooses the alias itself.
            raise CommandRejected("StackStorm takes that for another command than {}. Say it "
                                  "otherwise, or ask who made them."
                                  .format(name_of(fit.format.alias)))
        return fit

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


def unkept_safeguard(alias: Dict[str, Any]) -> str:
    """Say which safeguard an alias asks for that this pack does not have; "" for none.

    hubot-stackstorm has one, extra.security.twofactor.
    """
    extra = alias.get("extra")
    security = extra.get("security") if isinstance(extra, dict) else None
    asked = sorted(security) if isinstance(security, dict) else [str(security)]
    return security and (
        "{} asks for a safeguard that there is not here (extra.security: {}), so that it is not "
        "run.".format(name_of(alias), ", ".join(asked))) or ""


def problems_of(aliases: Sequence[Dict[str, Any]]) -> List[str]:
    """Say what keeps people from running aliases that are enabled, a sentence for each reason."""
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
    """Find the one of these formats that a command fits; raises what Aliases.find() raises."""
    fits = _fits_of(command, formats)
    if not fits:
        raise _unknown(command, formats, formats)
    return _only(fits)


def _fits_of(command: str, formats: List[Format]) -> List[Fit]:
    """Return the one fit of each alias that the command fits.

    It is the first of the author's, of those in which StackStorm takes the command. A format with
    match_multiple counts where no other fits.
    """
    fits = [fit for fit in (format.fit(command) for format in formats) if fit]
    fits = [fit for fit in fits if not fit.format.multiple] or fits
    first: Dict[str, Fit] = {}
    for fit in [fit for fit in fits if fit.command] + fits:
        first.setdefault(name_of(fit.format.alias), fit)
    return list(first.values())


def _only(fits: List[Fit]) -> Fit:
    """Return the fit, if there is one: those that StackStorm takes as typed go first."""
    fits = [fit for fit in fits if fit.is_exact] or [fit for fit in fits if fit.command] or fits
    if len(fits) > 1:
        both = "; ".join(sorted(f"{fit.format.label} ({name_of(fit.format.alias)})"
                                for fit in fits))
        raise CommandRejected(
            f"More than one command fits: {both}. Say more, or ask who made them.")
    if fits[0].obstacle:
        raise CommandRejected(fits[0].obstacle)
    return fits[0]


def _unknown(command: str, formats: List[Format], allowed: List[Format]) -> CommandRejected:
    """Why nothing fits; NotACommand is raised where it may be no command at all."""
    check_words(command)
    if read_command(command).ending and any(format.fit(command + " .") for format in formats):
        return CommandRejected("StackStorm takes a last word with = in it for a parameter, and not "
                               "for text. Let another word follow it.")
    like = nearest(command, allowed)
    return CommandRejected("There is no such command. {}".format(
        "Did you mean: {}?".format("; ".join(like)) if like else "You may run none here."))
