"""Checks whether the pack is set up rightly.

Calls HipChat, the sensor's /health and StackStorm; changes nothing.
"""
from itertools import chain
from pathlib import Path
from typing import List

from base import HipChatAction, Result
from chatops.checkup import chatops_checkup
from hipchat.check.checkup import checkup
from hipchat.check.finding import Finding, Findings
from hipchat.errors import HipChatError, Incomplete

PACK = Path(__file__).absolute().parents[1]


class CheckAction(HipChatAction):
    def do(self) -> Result:
        """Return {"lines": a string for each check}, or raise Incomplete with it on a problem."""
        findings: List[Finding] = []
        try:
            for finding in chain(checkup(self.config, PACK), self._chatops()):
                findings.append(finding)
        except Exception as error:  # the findings before the error are still shown
            findings.append(Finding(False, "check itself: it ended with a "
                                    f"{type(error).__name__}. Please report it."))
        problems = [finding.text for finding in findings if not finding.is_ok]
        lines = [str(finding) for finding in findings]
        if problems:
            raise Incomplete(f"{len(problems)} of {len(findings)} checks found a problem: " +
                             "; ".join(problems), lines=lines)
        return {"lines": lines}

    def _chatops(self) -> Findings:
        """Yield the findings on ChatOps; none if the config lacks what calls to HipChat need."""
        try:
            client = self.hipchat
        except HipChatError:  # checkup() reports that error
            return
        yield from chatops_checkup(self.config, client, self.people)
