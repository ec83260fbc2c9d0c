"""Rows of the report: ratios of alternating rounds, with their median and spread."""
import statistics
from typing import Any, Callable, List, NamedTuple, Optional, Tuple

__all__ = ["Row", "alternate", "compared", "percentile", "plain"]


class Row(NamedTuple):
    """A measurement of the pack, compared with an alternative or with a bound.

    Attributes:
        what: what was measured.
        against: the alternative.
        aim: ">=" or "<=", and the bound of the median.
        ratios: ours divided by theirs, in each round; our values if the aim is no ratio.
        ours: the median of the pack's values, in the unit.
        theirs: the same of the alternative's; None if the aim is no ratio.
    """

    what: str
    against: str
    aim: Tuple[str, float]
    ratios: List[float]
    unit: str
    ours: float
    theirs: Optional[float]
    note: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.ratios)

    @property
    def spread(self) -> str:
        """The lowest and the highest ratio, as text."""
        return f"{min(self.ratios):.3g} to {max(self.ratios):.3g}"

    @property
    def reached(self) -> bool:
        sign, bound = self.aim
        return self.median >= bound if sign == ">=" else self.median <= bound


def alternate(rounds: int, *sides: Callable[[], Any]) -> List[List[Any]]:
    """Call each side once in each round; return the results of each side.

    Every round begins with another side.
    """
    results: List[List[Any]] = [[] for _ in sides]
    for number in range(rounds):
        for place in range(len(sides)):
            side = (place + number) % len(sides)
            results[side].append(sides[side]())
    return results


def compared(what: str, against: str, aim: Tuple[str, float], unit: str, ours: List[float],
             theirs: List[float], note: str = "") -> Row:
    """Return a row whose aim is a ratio of the values of a round."""
    return Row(what, against, aim, [our / their for our, their in zip(ours, theirs)], unit,
               statistics.median(ours), statistics.median(theirs), note)


def plain(what: str, against: str, aim: Tuple[str, float], unit: str, values: List[float],
          note: str = "") -> Row:
    """Return a row whose aim is a bound of our values."""
    return Row(what, against, aim, values, unit, statistics.median(values), None, note)


def percentile(values: List[float], share: float) -> float:
    """Return the value that this share (0 to 1) of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
