"""The findings of hipchat.check: a line for each thing that was checked."""
from typing import Iterable, Iterator, NamedTuple

__all__ = ["Finding", "Findings", "unsaid"]


class Finding(NamedTuple):
    """One thing that was looked at: well, or with what to do in its text."""

    well: bool
    text: str

    def __str__(self) -> str:
        return f"{'ok' if self.well else 'TO DO'}: {self.text}"


Findings = Iterator[Finding]


def unsaid(findings: Iterable[Finding], said: Iterable[Finding]) -> Findings:
    """Yield findings without those that repeat a remedy."""
    known = [finding.text.partition(": ")[2] for finding in said if not finding.well]
    return (finding for finding in findings
            if finding.well or not any(text and text in finding.text for text in known))
