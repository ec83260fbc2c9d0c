"""Sends each reply to a chat command to HipChat, once, with retries."""
import os
import time
import traceback
from typing import Callable, Optional

import eventlet

from chatops.chat_message import ChatMessage, said_at
from chatops.reply import Reply
from chatops.reply_sender import ReplySender
from hipchat.api.client import Client
from hipchat.errors import (
    Forbidden, HipChatError, NoAnswer, NotFound, RateLimited, ServerError)
from listening import timing
from listening.backoff import Backoff
from listening.commands.journal import Command, Journal, PendingReply
from listening.operations.health import Health
from listening.errors import ServiceUnavailable

__all__ = ["Replies"]

RECENT = 75  # messages in a room's history that are searched for a reply


class Replies:
    """Sends the replies to commands. The journal (journal.py) stores a reply until it is sent."""

    def __init__(self, client: Client, as_user: Callable[[], Client], journal: Journal,
                 health: Health):
        self._client, self._as_user = client, as_user
        self._journal, self._health = journal, health

    def now(self) -> float:
        """Return Unix time by HipChat's clock."""
        return self._client.now()

    def send(self, command: Command, *replies: Reply) -> None:
        """Send new replies, if there are any; record the state of the command before and after.

        The command is answered once no reply is to be sent and no execution runs.
        """
        pending = [PendingReply(reply, self.now()) for reply in replies]
        command.replies += pending
        self._save(command)
        for each in pending:
            self._send(command, each)

    def resume(self, command: Command) -> None:
        """Send the replies that a previous process began to send and the room's history lacks."""
        for each in list(command.replies):
            self._send(command, each, each.begun_at)

    def report_defect(self, error: Exception) -> None:
        """Report an unexpected exception, as a defect of the pack, in /health and in the log."""
        *_, where = traceback.extract_tb(error.__traceback__)
        self._health.record_incident(
            "commands", "a command failed unexpectedly", f"This is a defect of the pack; please "
            f"report it: {error!r:.300} ({os.path.basename(where.filename)}:{where.lineno}).")

    def _save(self, command: Command) -> None:
        try:
            self._journal.save(command)
        except ServiceUnavailable as error:
            self._health.set_problem("commands", "the journal cannot be written", (
                f"{error} A command may be answered twice after a restart."), about="journal")
        else:
            self._health.clear_problem("commands", about="journal")

    def _send(self, command: Command, pending: PendingReply,
              begun_at: Optional[float] = None) -> None:
        """Send a reply; retry for REPLY_TIMEOUT, then give up and record an incident.

        Args:
            begun_at: the earliest time at which the reply may have been sent before (Unix time,
                HipChat's clock); None if it was certainly not sent before.
        """
        message = command.message
        sender = ReplySender(self._client, self._as_user, message)
        backoff, deadline = Backoff(timing.REPLY_RETRY_MAX), time.monotonic() + timing.REPLY_TIMEOUT
        while True:
            tried_at = self.now()
            try:
                self._journal.check_active()  # a sensor that took over sends the replies itself
                if begun_at is None or not self._was_sent(sender, message, pending.reply, begun_at):
                    sender.send(pending.reply)
                break
            except HipChatError as error:
                if not isinstance(error, (NoAnswer, RateLimited, ServerError)) or (
                        sender.has_sent or time.monotonic() > deadline):
                    self._health.record_incident(
                        "commands", "a reply could not be sent",
                        f"The reply to message {message.message_id} in room {message.room_id} was "
                        f"not sent{' to its end' if sender.has_sent else ''}. {error}")
                    break
                if begun_at is None and not isinstance(error, RateLimited):
                    begun_at = tried_at  # HipChat may have posted the reply
            except ServiceUnavailable:
                deadline = time.monotonic() + timing.REPLY_TIMEOUT  # HipChat itself has not failed
            eventlet.sleep(backoff.failed())
        command.replies.remove(pending)
        self._save(command)

    def _was_sent(self, sender: ReplySender, message: ChatMessage, reply: Reply,
                  begun_at: float) -> bool:
        """Return whether the room's history contains a reply, sent at begun_at or later.

        False also if the history cannot be read: sending the reply twice is better than never.
        """
        try:
            found = self._client.page("room", message.room_id, "history", "latest",
                                      **{"max-results": RECENT})
        except (Forbidden, NotFound):
            return False
        openings = sender.openings(reply)
        return any(item.get("message") in openings and said_at(str(item.get("date"))).timestamp() >=
                   begun_at - timing.HIPCHAT_CLOCK_LEEWAY for item in found["items"])
