"""hipchat.check: tell an operator what works and what is to be done."""
from itertools import chain
from pathlib import Path
from typing import List

from base import HipChatAction, Result
from chatops.checkup import chatops_checkup
from hipchat.check.checkup import checkup
from hipchat.check.finding import Finding, Findings
from hipchat.errors import HipChatError, Incomplete

__all__ = ["CheckAction"]

PACK = Path(__file__).absolute().parents[1]


class CheckAction(HipChatAction):
    """Asks HipChat, the listener and StackStorm; changes nothing."""

    def do(self) -> Result:
        """{"lines": one text for each thing looked at}; fails if anything needs doing."""
        findings: List[Finding] = []
        try:
            for finding in chain(checkup(self.config, PACK), self._chatops()):
                findings.append(finding)
        except Exception as error:  # whatever is wrong, an operator gets lines to read
            findings.append(Finding(False, "check itself: it ended with a "
                                    f"{type(error).__name__}. Please report it."))
        todo = [finding for finding in findings if not finding.well]
        lines = [str(finding) for finding in findings]
        if todo:
            raise Incomplete(f"{len(todo)} of {len(findings)} need something done: " +
                             "; ".join(finding.text for finding in todo), lines=lines)
        return {"lines": lines}

    def _chatops(self) -> Findings:
        try:
            client = self.hipchat
        except HipChatError:  # the config's problem is reported already
            return
        yield from chatops_checkup(self.config, client, self.people)
