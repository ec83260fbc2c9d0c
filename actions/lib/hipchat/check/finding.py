"""The findings that the action hipchat.check shows, one line each."""
from typing import Iterable, Iterator, NamedTuple

__all__ = ["Finding", "Findings", "without_repeated"]


class Finding(NamedTuple):
    """The result of one check, in a sentence; if there is something to do, with the remedy."""

    is_ok: bool
    text: str

    def __str__(self) -> str:
        return f"{'ok' if self.is_ok else 'TO DO'}: {self.text}"


Findings = Iterator[Finding]


def without_repeated(findings: Iterable[Finding], reported: Iterable[Finding]) -> Findings:
    """Return the findings, except the problems that the findings in `reported` contain already."""
    problems = [finding.text.partition(": ")[2] for finding in reported if not finding.is_ok]
    return (finding for finding in findings
            if finding.is_ok or not any(text and text in finding.text for text in problems))
