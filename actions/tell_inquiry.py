"""hipchat.tell_inquiry: tell a room what a workflow asks."""
from base import HipChatAction
from chatops.accounts import Accounts
from chatops.reply import Reply
from chatops.errors import NotACommand
from chatops.inquiry import question
from chatops.origin import begun_by, origin_of
from chatops.settings import ChatOpsSettings
from chatops.responder import Responder

__all__ = ["TellInquiryAction"]


class TellInquiryAction(HipChatAction):
    """Asks in the room of the command that started the workflow, and whoever gave it."""

    def do(self, inquiry_id):
        """{"said": [the question]}, or {"said": [], "reason": why it was not asked}."""
        settings = ChatOpsSettings.from_config(self.config)
        stackstorm = Accounts(settings).pack()
        begun = begun_by(stackstorm.execution(inquiry_id), stackstorm)
        try:
            origin = origin_of(begun, settings)
        except NotACommand as reason:
            return {"said": [], "reason": str(reason)}
        asked = question(stackstorm.inquiry(inquiry_id), begun["action"]["ref"], settings.opening)
        mention = self.people.mention(origin.person)
        responder = Responder(self.hipchat, lambda: self.hipchat_as_user, origin.room,
                              origin.person, mention, origin.message_id)
        return {"said": [responder.send(Reply(asked, color="yellow", notify=True))]}
