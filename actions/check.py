"""hipchat.check: tell an operator what works and what is to be done."""
from itertools import chain

from base import HipChatAction
from chatops.checkup import chatops_checkup
from hipchat.check.checkup import Finding, checkup
from hipchat.errors import HipChatError, Incomplete

__all__ = ["CheckAction"]


class CheckAction(HipChatAction):
    """Asks HipChat, the listener and StackStorm; changes nothing."""

    def do(self):
        """{"lines": one text for each thing looked at}; fails if anything needs doing."""
        findings = []
        try:
            for finding in chain(checkup(self.config), self._chatops()):
                findings.append(finding)
        except Exception as error:  # whatever is wrong, an operator gets lines to read
            findings.append(Finding(False, "check itself: it ended with a {}. Please report it."
                                    .format(type(error).__name__)))
        todo = [finding for finding in findings if not finding.well]
        lines = [str(finding) for finding in findings]
        if todo:
            raise Incomplete("{} of {} need something done: {}".format(
                len(todo), len(findings), "; ".join(finding.text for finding in todo)),
                lines=lines)
        return {"lines": lines}

    def _chatops(self):
        try:
            client = self.hipchat
        except HipChatError:  # what is wrong with the config was told already
            return
        yield from chatops_checkup(self.config, client, self.people)
