"""The add-on's installation: verified with HipChat, stored, checked, and removed."""
import logging
from typing import Any, Callable, Dict, Optional

import eventlet
from eventlet.semaphore import Semaphore

from hipchat.config.addon import SCOPES, Addon
from hipchat.webhook.addon_urls import AddonUrls
from hipchat.api.client import Client
from hipchat.api.credentials import Integration
from hipchat.errors import ApiError, HipChatError, InvalidToken, RateLimited, ServerError
from hipchat.config.sensor_settings import SensorSettings
from listening import timing
from listening.addon.claim import Claim, group_id, is_capabilities_of
from listening.backoff import Backoff
from listening.operations.health import Health
from listening.errors import ServiceUnavailable
from listening.wakeup import WakeUp

__all__ = ["Installation", "InstallationRefused", "NotStored"]


class NotStored(Exception):
    """The datastore answers, but cannot store the add-on's credentials.

    Args:
        reason: the cause, without names: it is sent to HipChat.
        remedy: how to correct it, for the operator's log.
    """

    def __init__(self, reason: str, remedy: str):
        self.reason, self.remedy = reason, remedy
        super().__init__(f"{reason}. {remedy}")


class InstallationRefused(Exception):
    """A callback about an installation is refused; str() is safe to send back.

    Attributes:
        try_again: whether a later attempt may succeed.
    """

    def __init__(self, reason: str, try_again: bool = False):
        self.try_again = try_again
        super().__init__(f"The installation is refused: {reason.rstrip('.')}.")


class Installation:
    """The add-on's one installation, for the whole group of the config's HipChat.

    A callback is unsigned, so it is verified: the HipChat at api_url must issue a token for the
    claimed OAuth client, with our scopes and for the whole group. (HipChat also issues tokens for
    the clients of other add-ons, which may be for a single room.) A callback that fails the check
    does not change the previous installation.

    Attributes:
        enabled: whether the pack is an add-on, by its config.
        is_delivering: whether HipChat delivers all events to the add-on, so that room webhooks
            are not needed.
        urls: the URLs that HipChat calls; None until the datastore was read.
    """

    def __init__(self, settings: SensorSettings, load: Callable[[], Optional[str]],
                 save: Callable[[str], None], credentials_changed: Callable[[], None],
                 health: Health, log: logging.Logger):
        """Args:
            load: returns the text that save() stored last, None if there is none; raises NotStored
                and ServiceUnavailable.
            save: stores a text; raises NotStored and ServiceUnavailable.
            credentials_changed: called after a change of the credentials or of is_delivering.
        """
        self._api, self._public_url = settings.api, settings.public_url
        self._load, self._save, self._credentials_changed = load, save, credentials_changed
        self._health, self._log = health, log
        self._client = Client(settings.api._replace(rate_limit_wait=0))  # for unverified claims
        self._one_at_a_time = Semaphore()
        self._look_now = WakeUp()
        self._addon: Optional[Addon] = None
        self.urls: Optional[AddonUrls] = None
        self.enabled = settings.api.addon.enabled
        self.is_delivering = False
        if self.enabled:
            health.promise(lambda: self.credentials is not None, "add-on: it is not installed")
            health.add_metrics(addon=lambda: {"installed": self.credentials is not None})

    @property
    def credentials(self) -> Optional[Integration]:
        """The OAuth client that HipChat created for the add-on."""
        return self._addon.integration if self._addon else None

    @property
    def replaces_webhooks(self) -> bool:
        """Whether room webhooks are not used: not needed, or impossible without an api_key."""
        return self.is_delivering or (self.enabled and not self._api.api_key)

    @property
    def is_missing(self) -> bool:
        """Whether there is no token for HipChat until the add-on is installed."""
        return self.enabled and not self._api.api_key and self.credentials is None

    def run(self) -> None:
        """Load the stored installation, and check for ever whether HipChat still knows it."""
        self._begin()
        self._look()
        pause = timing.ADDON_CHECK_PERIOD
        while True:
            is_requested = self._look_now.wait(pause)
            if is_requested:
                eventlet.sleep(timing.ADDON_CHECK_DELAY)
            self._look()
            pause = timing.ADDON_RECHECK_DELAY if is_requested else timing.ADDON_CHECK_PERIOD

    def note_delivery(self) -> None:
        """Note a delivery that HipChat signed for the add-on."""
        if self.enabled and self.credentials is not None and not self.is_delivering:
            self.is_delivering = True
            self._credentials_changed()
            self._health.clear_problem("add-on", about="public_url")

    def install(self, claim: Claim) -> None:
        """Store the installation that a callback claims.

        Raises:
            InstallationRefused: HipChat does not confirm it, or it cannot be stored.
        """
        with self._one_at_a_time:
            addon = self._verified(claim)
            if addon == self._addon:
                return
            try:
                self._save(addon.text())
            except NotStored as error:
                self._report_not_stored(error)
                raise InstallationRefused(error.reason, try_again=True) from None
            except ServiceUnavailable:
                raise InstallationRefused("StackStorm's database cannot store the credentials "
                                          "now; try again", try_again=True) from None
            self._health.clear_problem("add-on")
            self._take(addon, is_delivering=self.is_delivering)
            self._log.info("The add-on is installed in HipChat's group %s.", addon.group)

    def uninstalled(self, oauth_id: str) -> None:
        """Check the installation now: a callback, which anybody can send, says that it is gone."""
        if self.credentials and self.credentials.id == oauth_id:
            self._look_now.set()

    def _begin(self) -> None:
        backoff = Backoff(timing.DATASTORE_RETRY_MAX)
        while self._addon is None:
            try:
                stored = self._load()
                if stored:
                    self._take(Addon.read(stored), is_delivering=True)
                elif self.enabled:
                    addon = Addon.new()
                    self._save(addon.text())
                    self._take(addon, is_delivering=False)
                else:
                    return
            except NotStored as error:
                self._report_not_stored(error)
            except ValueError as error:
                self._health.set_problem("add-on", "its stored installation cannot be read",
                                         f"{error}. Delete the key, and install the add-on again.")
            except ServiceUnavailable as outage:
                self._health.set_problem("add-on", outage.summary, outage.detail)
            else:
                self._health.clear_problem("add-on")
                continue
            eventlet.sleep(backoff.failed())

    def _report_not_stored(self, error: NotStored) -> None:
        self._health.set_problem("add-on", "it cannot be installed: " + error.reason, error.remedy)

    def _take(self, addon: Addon, is_delivering: bool) -> None:
        self._addon, self.urls = addon, AddonUrls(self._public_url, addon.secret)
        elsewhere = addon.is_elsewhere(self._public_url)
        self.is_delivering = (is_delivering and self.enabled and not elsewhere and
                              addon.integration is not None)
        if elsewhere and self.enabled:
            self._health.set_problem(
                "add-on", "it is installed for another webhook.public_url", "HipChat goes on "
                f"posting to {addon.public_url}. Run hipchat.check for the URL by which it is to "
                "be installed again.", about="public_url")
        else:
            self._health.clear_problem("add-on", about="public_url")
        self._credentials_changed()

    def _verified(self, claim: Claim) -> Addon:
        known = self._addon
        if not self.enabled:
            raise InstallationRefused("addon.enabled is false in the pack's config")
        if known is None:
            raise InstallationRefused("StackStorm's datastore was not read yet; try again",
                                      try_again=True)
        if not is_capabilities_of(claim.capabilities_url, self._api.api_url):
            self._health.record_incident(
                "add-on", "an installation by another HipChat was refused", "Its capabilities are "
                f"at {claim.capabilities_url!r}, and api_url is {self._api.api_url}.")
            raise InstallationRefused("capabilitiesUrl is not that of the HipChat that the pack's "
                                      "config names in api_url")
        integration = Integration(claim.id, claim.secret or _known_secret(known, claim.id))
        return known._replace(integration=integration, group=self._group(claim, integration),
                              public_url=self._public_url)

    def _group(self, claim: Claim, integration: Integration) -> Optional[int]:
        """Return HipChat's ID of the group, if it is the expected one."""
        expected = self._api.addon.group
        if expected is None and self._addon and self._addon.integration:
            expected = group_id(self._addon.group)
        verified = self._verified_group(integration)
        group = claim.group if verified is None else verified
        if claim.group not in (None, group) or expected not in (None, group):
            raise InstallationRefused("it is for another group")
        return group

    def _verified_group(self, integration: Integration) -> Optional[int]:
        """Verify a claimed OAuth client with HipChat. Its tokens are used for nothing else.

        Returns:
            The ID of its group; None if HipChat does not state it.
        """
        try:
            token = self._token(integration, scope=" ".join(SCOPES))
            info = self._token_info(token["access_token"])
            group = group_id(token.get("group_id"))
        except (RateLimited, ServerError) as error:
            raise InstallationRefused(f"HipChat answers {error.status} now; try again",
                                      try_again=True) from None
        except ApiError:
            raise InstallationRefused("HipChat gives no token for it") from None
        except HipChatError:
            raise InstallationRefused("HipChat does not answer now; try again",
                                      try_again=True) from None
        except ValueError:
            raise InstallationRefused("HipChat's group_id for it cannot be read") from None
        self._check_token(info, integration)
        return group

    def _check_token(self, info: Dict[str, Any], integration: Integration) -> None:
        """Raise InstallationRefused unless a token is this client's, with our scopes, for no room.
        """
        client, scopes = info.get("client"), info.get("scopes")
        if not isinstance(client, dict) or client.get("id") != integration.id:
            reason = "its token is another client's"
        elif client.get("room") is not None:
            reason = "it is for one room, and not for the whole group"
        elif not isinstance(scopes, list) or not set(SCOPES) <= set(map(str, scopes)):
            reason = "its token lacks scopes that the add-on's descriptor asks for"
        else:
            return
        self._health.record_incident(
            "add-on", "an installation was refused", f"HipChat gives a token for {integration.id}, "
            f"but {reason}. The client belongs to another add-on, or to this one with old scopes: "
            "remove it in HipChat, and install the add-on again.")
        raise InstallationRefused(reason)

    def _token(self, integration: Integration, **form: str) -> Dict[str, Any]:
        """Return HipChat's response with a token for a client; raise HipChatError."""
        self._client.use(self._api._replace(integration=integration))
        try:
            return self._client.fetch_token({"grant_type": "client_credentials", **form})
        finally:
            self._client.use(self._api)  # so that log lines are not masked by claimed values

    def _token_info(self, token: str) -> Dict[str, Any]:
        """Return HipChat's information about a token; raise HipChatError."""
        self._client.use(self._api._replace(integration=None, api_key=token))
        try:
            return self._client.token_info()
        finally:
            self._client.use(self._api)

    def _look(self) -> None:
        """Remove the installation if HipChat answers 401 for it twice."""
        with self._one_at_a_time:
            if self._is_unknown():
                eventlet.sleep(timing.ADDON_CHECK_DELAY)
                if self._is_unknown():
                    self._forget()

    def _is_unknown(self) -> bool:
        """Return whether HipChat refuses the OAuth client of the installation."""
        if self.credentials is None:
            return False
        try:
            self._token(self.credentials)
        except InvalidToken:
            return True
        except HipChatError as error:  # the next check asks again
            self._log.info("The add-on's installation could not be checked: %s", error)
        return False

    def _forget(self) -> None:
        if self._addon is None:
            return
        addon = Addon(self._addon.secret)
        try:
            self._save(addon.text())
        except (NotStored, ServiceUnavailable) as error:
            self._log.info("The add-on's stored credentials cannot be removed: %s", error)
        self._take(addon, is_delivering=False)
        self._log.info("The add-on is not installed in HipChat any more.")


def _known_secret(known: Addon, oauth_id: str) -> str:
    """Return the secret of the stored installation: the callback about an update has none."""
    if known.integration is None or known.integration.id != oauth_id:
        raise InstallationRefused("its secret is not stored any more; uninstall the add-on in "
                                  "HipChat, and install it again")
    return known.integration.secret
