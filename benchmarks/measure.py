"""Rows of the table: ratios of alternating rounds, with their median and spread."""
import statistics
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

__all__ = ["Row", "alternate", "compared", "percentile"]


class Row(NamedTuple):
    """A measurement: ratios of ours to theirs, one a round; aim is (">=" or "<=", bound).

    ours, theirs: medians in the unit; an aim that is no ratio has theirs None and our values as
    ratios.
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
        """The lowest and the highest round."""
        return f"{min(self.ratios):.3g} to {max(self.ratios):.3g}"

    @property
    def reached(self) -> bool:
        sign, bound = self.aim
        return self.median >= bound if sign == ">=" else self.median <= bound


def alternate(rounds: int, *sides: Callable[[], Any]) -> List[List[Any]]:
    """What each side returned in each round; every round begins with the next side."""
    results: List[List[Any]] = [[] for _ in sides]
    for number in range(rounds):
        for place in range(len(sides)):
            side = (place + number) % len(sides)
            results[side].append(sides[side]())
    return results


def compared(what: str, against: str, aim: Tuple[str, float], unit: str, ours: List[float],
             theirs: List[float], note: str = "") -> Row:
    """A row of ratios, round by round."""
    return Row(what, against, aim, [our / their for our, their in zip(ours, theirs)], unit,
               statistics.median(ours), statistics.median(theirs), note)


def plain(what: str, against: str, aim: Tuple[str, float], unit: str, values: List[float],
          note: str = "") -> Row:
    """A row whose aim is a value, and no ratio."""
    return Row(what, against, aim, values, unit, statistics.median(values), None, note)


def percentile(values: List[float], share: float) -> float:
    """The value that this share of all values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def as_dict(row: Row) -> Dict[str, Any]:
    return dict(row._asdict())
