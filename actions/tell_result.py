"""hipchat.tell_result: tell a room what became of a command."""
from base import HipChatAction
from chatops.accounts import Accounts
from chatops.errors import NotACommand, StackStormError
from chatops.origin import origin_of
from chatops.result import result_of
from chatops.settings import ChatOpsSettings
from chatops.responder import Responder
from hipchat.api.people import mention_name

__all__ = ["TellResultAction"]


class TellResultAction(HipChatAction):
    """Answers in the room of the command that started an execution, as its alias says."""

    def do(self, execution_id):
        """{"said": [the text]}, or {"said": [], "reason": why nothing was said}."""
        settings = ChatOpsSettings.from_config(self.config)
        stackstorm = Accounts(settings).pack()
        execution = stackstorm.execution(execution_id)
        try:
            origin = origin_of(execution, settings)
            alias = stackstorm.alias(execution["context"]["action_alias_ref"]["id"])
            answer = result_of(execution, alias)
        except NotACommand as reason:
            return {"said": [], "reason": str(reason)}
        responder = Responder(self.hipchat, lambda: self.hipchat_as_user, origin.room,
                              origin.person, self._mention(origin, stackstorm), origin.message_id)
        return {"said": [responder.send(answer)]}

    def _mention(self, origin, stackstorm):
        """How the person is mentioned: StackStorm heard it, which costs HipChat no call."""
        try:
            message = stackstorm.execution(origin.heard_by) if origin.heard_by else {}
        except StackStormError:
            message = {}
        return mention_name((message.get("parameters") or {}).get("mention")) or (
            self.people.mention(origin.person))
