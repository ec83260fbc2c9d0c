"""hipchat.run_command: run what somebody said in a room, and say so."""
from datetime import datetime, timezone

from base import HipChatAction
from chatops.accounts import Accounts
from chatops.command import ChatMessage
from chatops.commands import Commands
from chatops.responder import Responder
from chatops.settings import ChatOpsSettings
from hipchat.errors import Incomplete
from hipchat.api.people import mention_name

__all__ = ["RunCommandAction"]


class RunCommandAction(HipChatAction):
    """Runs StackStorm's alias for a command, if the person may; tells the room."""

    def do(self, message, message_id, room, person, date, mention=""):
        """{"outcome": what was done, "said": the texts that the room got, ...}."""
        settings = ChatOpsSettings.from_config(self.config)
        message = ChatMessage(room, person, mention_name(mention), message_id, date, message)
        commands = Commands(settings, Accounts(settings), self.people,
                            self.settings.rate_limit_wait + self.settings.timeout)
        outcome = commands.handle(message, datetime.now(timezone.utc))
        responder = Responder(self.hipchat, lambda: self.hipchat_as_user, room, person,
                              message.mention_name, message_id)
        said = [responder.send(answer) for answer in outcome.replies]
        result = dict(outcome.result, outcome=outcome.outcome, said=said)
        if outcome.outcome == "failed":
            raise Incomplete(result.pop("error"), **result)
        return result
