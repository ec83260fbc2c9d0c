"""Builds the parts that run chat commands (ChatOps), and connects them with the sensor."""
import logging
from typing import Any, Dict, FrozenSet, Optional

from chatops.accounts import Accounts, Platform
from chatops.catalog import Catalog
from chatops.chat_message import ChatMessage, prefix_filter
from chatops.command_handler import CommandHandler
from chatops.settings import ChatOpsSettings
from hipchat.api.client import Client
from hipchat.api.people import People, mention_name
from hipchat.config.api_settings import ApiSettings
from hipchat.text.filters import Filter
from hipchat.text.template_guard import neutralize_templates
from hipchat.webhook.webhook_url import Address
from listening.commands.journal import CommandStore, Journal
from listening.commands.replies import Replies
from listening.commands.results import Results
from listening.commands.runner import Owner, Runner
from listening.operations.health import Health
from listening.operations.supervisor import Supervisor

__all__ = ["ChatOps"]

EVENT = "room_message"


class ChatOps:
    """Runs the chat commands that people write in the rooms of the config's chatops.rooms.

    Attributes:
        addresses: room_message in each room of chatops.rooms. Each address needs a webhook.

    Example:
        chatops = ChatOps(settings, api_settings, platform, store, health, log)
        chatops.open()
        chatops.start(supervisor)
        chatops.take(address, body, trace_tag)
    """

    def __init__(self, settings: ChatOpsSettings, api: ApiSettings, platform: Platform,
                 store: CommandStore, health: Health, log: logging.Logger):
        """Build the parts without starting them."""
        self.addresses: FrozenSet[Address] = frozenset(
            Address(EVENT, room_id) for room_id in settings.rooms)
        self._api, self._metrics = api, health.metrics
        self._client = Client(api)
        self._client.call_ended = self._metrics.call_ended
        self._user: Optional[Client] = None
        self._journal = Journal(store, lambda words: health.record_incident(
            "commands", "a record of a command cannot be read", words))
        accounts = Accounts(settings, platform)
        catalog = Catalog(accounts.pack())
        people = People(self._client, self._as_user)
        self._owner = Owner(people, health)
        self._replies = Replies(self._client, self._as_user, self._journal, health)
        self._results = Results(
            accounts=accounts, catalog=catalog, opening=settings.opening, replies=self._replies,
            stream_url=settings.stream_url or platform.stream_url, health=health)
        self._runner = Runner(CommandHandler(settings, accounts, catalog, people), self._owner,
                              self._journal, self._replies, self._results, log)
        self._prefix = Filter(prefix_filter(settings.prefix))
        health.add_metrics(commands=self._counts)

    def open(self) -> None:
        """Read the journal; raises ServiceUnavailable if the datastore does not answer."""
        self._journal.open()

    def start(self, supervisor: Supervisor) -> None:
        """Resume the unanswered commands, and begin to watch for the ends of executions."""
        self._results.start(supervisor)
        self._runner.resume()

    def use(self, api: ApiSettings) -> None:
        """Call HipChat with the token of the given settings from now on."""
        self._api, self._user = api, None
        self._client.use(api)
        self._owner.forget()

    def take(self, address: Address, body: Dict[str, Any], trace_tag: str) -> bool:
        """If a delivery is a command, store it and have it run in the background.

        Args:
            trace_tag: the message ID; a random ID if the message has none.

        Returns:
            True if the delivery is a command, also if this command was stored before.

        Raises:
            ServiceUnavailable: StackStorm's datastore does not answer.
        """
        if address not in self.addresses:
            return False
        message = self._message_of(address.room_id, trace_tag, body["item"].get("message"))
        if message:
            self._runner.take(message)
        return message is not None

    def _message_of(self, room_id: int, message_id: str, message: Any) -> Optional[ChatMessage]:
        """Return a delivery's message if a person wrote it and it begins with the prefix."""
        message = message if isinstance(message, dict) else {}
        sender, text = message.get("from"), message.get("message")
        # A guest and a notification have a name instead of an object with an ID.
        if not isinstance(sender, dict) or type(sender.get("id")) is not int or (
                not isinstance(text, str) or self._prefix.groups(text) is None):
            return None
        return ChatMessage(room_id, sender["id"], mention_name(sender.get("mention_name")),
                           message_id, str(message.get("date")), neutralize_templates(text))

    def _as_user(self) -> Client:
        """Return a client with a user's token; raises ParameterError if there is no api_key.

        HipChat refuses some calls to an add-on.
        """
        settings = self._api.of_user()
        if settings is self._api:
            return self._client
        if self._user is None:
            self._user = Client(settings)
            self._user.call_ended = self._metrics.other_call_ended
        return self._user

    def _counts(self) -> Dict[str, Any]:
        outcomes = self._runner.outcomes
        return {"started": outcomes["started"], "answered": self._results.answered,
                "refused": sum(outcomes[kind] for kind in ("rejected", "refused", "failed",
                                                           "too old")),
                "waiting": len(self._journal), "oldest": self._journal.oldest()}
