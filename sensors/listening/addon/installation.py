"""The add-on's installation: believed when HipChat vouches for it, kept, and forgotten."""
import logging
from typing import Any, Callable, Dict, Optional

import eventlet
from eventlet.semaphore import Semaphore

from hipchat.config.addon import Addon
from hipchat.webhook.addon_urls import AddonUrls
from hipchat.api.client import Client
from hipchat.api.credentials import Integration
from hipchat.errors import ApiError, HipChatError, InvalidToken, RateLimited, ServerTrouble
from hipchat.config.sensor_settings import SensorSettings
from listening import timing
from listening.addon.claim import Claim, is_capabilities_of
from listening.http.responses import Answer, Refused
from listening.backoff import Backoff
from listening.operations.health import Health
from listening.errors import ServiceUnavailable
from listening.wakeup import WakeUp

__all__ = ["Installation", "NotKept"]


class NotKept(Exception):
    """The datastore is there and cannot keep the add-on; reason names nothing, remedy may."""

    def __init__(self, reason: str, remedy: str):
        self.reason, self.remedy = reason, remedy
        super().__init__(f"{reason}. {remedy}")


class Installation:
    """One installation, for the whole group, of the HipChat that the config names.

    A callback is unsigned: it is believed when HipChat's own token endpoint, at the configured
    address and nowhere else, gives a token for what the callback brought. load returns the text
    that save kept last, None if there is none; both raise ServiceUnavailable, and save NotKept.
    credentials_changed is called after the credentials, or hears, have changed. hears: whether the
    add-on is wanted and HipChat is known to deliver all events to it, so that webhooks in rooms are
    not needed.
    """

    def __init__(self, settings: SensorSettings, load: Callable[[], Optional[str]],
                 save: Callable[[str], None], credentials_changed: Callable[[], None],
                 health: Health, log: logging.Logger):
        self._api, self._public_url = settings.api, settings.public_url
        self._load, self._save, self._credentials_changed = load, save, credentials_changed
        self._health, self._log = health, log
        self._client = Client(settings.api._replace(rate_limit_wait=0))  # for what is not believed
        self._one_at_a_time = Semaphore()
        self._look_now = WakeUp()
        self._addon: Optional[Addon] = None
        self.urls: Optional[AddonUrls] = None  # what HipChat calls, once the datastore was read
        self.enabled = settings.api.addon.enabled
        self.hears = False
        if self.enabled:
            health.promise(lambda: self.credentials is not None, "add-on: it is not installed")
            health.add_metrics(addon=lambda: {"installed": self.credentials is not None})

    @property
    def credentials(self) -> Optional[Integration]:
        """The OAuth client that HipChat made for the add-on."""
        return self._addon.integration if self._addon else None

    @property
    def hears_alone(self) -> bool:
        """Whether no webhooks in rooms are wanted: HipChat delivers all, or nobody can make any."""
        return self.hears or (self.enabled and not self._api.api_key)

    @property
    def is_missing(self) -> bool:
        """Whether there is no token to call HipChat with until the add-on is installed."""
        return self.enabled and not self._api.api_key and self.credentials is None

    def run(self) -> None:
        """Take what is kept, and then look now and then whether HipChat still knows it."""
        self._begin()
        self._look()
        pause = timing.ADDON_CHECK_PERIOD
        while True:
            told = self._look_now.wait(pause)
            if told:
                eventlet.sleep(timing.ADDON_CHECK_DELAY)
            self._look()
            pause = timing.ADDON_RECHECK_DELAY if told else timing.ADDON_CHECK_PERIOD

    def heard(self) -> None:
        """A delivery came that HipChat signed for the add-on, which may be gone since."""
        if self.enabled and self.credentials is not None and not self.hears:
            self.hears = True
            self._credentials_changed()
            self._health.clear_problem("add-on", about="public_url")

    def install(self, claim: Claim) -> None:
        """Believe a callback and keep what it brings; raises Refused, and then nothing is kept.
        """
        with self._one_at_a_time:
            addon = self._believed(claim)
            if addon == self._addon:
                return
            try:
                self._save(addon.text())
            except NotKept as error:
                self._cannot_be_kept(error)
                raise _refusal("503 Service Unavailable", error.reason) from None
            except ServiceUnavailable:
                raise _refusal("503 Service Unavailable", "StackStorm's database does not take "
                               "the credentials just now; try again") from None
            self._health.clear_problem("add-on")
            self._take(addon, hears=self.hears)
            self._log.info("The add-on is installed in HipChat's group %s.", addon.group)

    def uninstalled(self, number: str) -> None:
        """HipChat, or somebody, tells that an installation is gone: a hint to look at once."""
        if self.credentials and self.credentials.id == number:
            self._look_now.set()

    def _begin(self) -> None:
        backoff = Backoff(timing.DATASTORE_RETRY_MAX)
        while self._addon is None:
            try:
                kept = self._load()
                if kept:
                    self._take(Addon.read(kept), hears=True)
                elif self.enabled:
                    addon = Addon.new()
                    self._save(addon.text())
                    self._take(addon, hears=False)
                else:
                    return
            except NotKept as error:
                self._cannot_be_kept(error)
            except ValueError as error:
                self._health.set_problem("add-on", "what is kept of it cannot be read",
                                         f"{error}. Delete the key, and install the add-on again.")
            except ServiceUnavailable as outage:
                self._health.set_problem("add-on", outage.summary, outage.detail)
            else:
                self._health.clear_problem("add-on")
                continue
            eventlet.sleep(backoff.failed())

    def _cannot_be_kept(self, error: NotKept) -> None:
        self._health.set_problem("add-on", "it cannot be installed: " + error.reason, error.remedy)

    def _take(self, addon: Addon, hears: bool) -> None:
        self._addon, self.urls = addon, AddonUrls(self._public_url, addon.secret)
        elsewhere = addon.is_elsewhere(self._public_url)
        self.hears = hears and self.enabled and addon.integration is not None and not elsewhere
        if elsewhere and self.enabled:
            self._health.set_problem(
                "add-on", "it is installed for another webhook.public_url", "HipChat goes on "
                "posting to {}. Run hipchat.check for the URL by which it is to be installed "
                "anew.".format(addon.public_url), about="public_url")
        else:
            self._health.clear_problem("add-on", about="public_url")
        self._credentials_changed()

    def _believed(self, claim: Claim) -> Addon:
        known = self._addon
        if not self.enabled:
            raise _refusal("403 Forbidden", "the pack is not to be an add-on")
        if not is_capabilities_of(claim.capabilities_url, self._api.api_url):
            self._health.record_incident(
                "add-on", "an installation by another HipChat was refused", "Its capabilities are "
                "at {!r}, and api_url is {}.".format(claim.capabilities_url, self._api.api_url))
            raise _refusal("403 Forbidden", "capabilitiesUrl is not that of the HipChat that the "
                           "pack's config names in api_url")
        secret = claim.secret
        if secret is None:
            if known.integration is None or known.integration.id != claim.id:
                raise _refusal("403 Forbidden", "its secret is not known here any more; uninstall "
                               "the add-on in HipChat, and then install it again")
            secret = known.integration.secret
        integration = Integration(claim.id, secret)
        return known._replace(integration=integration, group=self._group(claim, integration),
                              public_url=self._public_url)

    def _group(self, claim: Claim, integration: Integration) -> Optional[int]:
        """The group for which HipChat vouches; the token is the proof, and thrown away."""
        told = self._answer(integration).get("group_id", claim.group)
        expected = self._api.addon.group
        if expected is None and self.credentials:
            expected = self._addon.group
        if claim.group not in (None, told) or expected not in (None, told):
            raise _refusal("403 Forbidden", "it is for another group")
        return told

    def _answer(self, integration: Integration) -> Dict[str, Any]:
        try:
            return self._token(integration)
        except (RateLimited, ServerTrouble) as error:
            raise _refusal("503 Service Unavailable", "HipChat answers {} just now; try "
                           "again".format(error.status)) from None
        except ApiError:
            raise _refusal("403 Forbidden", "HipChat gives no token for it") from None
        except HipChatError:
            raise _refusal("503 Service Unavailable", "HipChat cannot be asked just now; try "
                           "again") from None

    def _token(self, integration: Integration) -> Dict[str, Any]:
        self._client.use(self._api._replace(integration=integration))
        try:
            return self._client.fetch_token({"grant_type": "client_credentials"})
        finally:
            self._client.use(self._api)  # what was claimed is masked no longer than it is used

    def _look(self) -> None:
        """Forget the installation if HipChat does not know it: 401, twice, is the sure sign."""
        with self._one_at_a_time:
            if self.credentials is None:
                return
            try:
                self._token(self.credentials)
            except InvalidToken:
                self._look_again()
            except HipChatError as error:  # in trouble; it is asked again
                self._log.info("HipChat could not be asked for the add-on: %s", error)

    def _look_again(self) -> None:
        eventlet.sleep(timing.ADDON_CHECK_DELAY)
        try:
            self._token(self.credentials)
        except InvalidToken:
            self._forget()
        except HipChatError:
            pass

    def _forget(self) -> None:
        addon = Addon(self._addon.secret)
        try:
            self._save(addon.text())
        except (NotKept, ServiceUnavailable) as error:
            self._log.info("What is kept of the add-on cannot be removed: %s", error)
        self._take(addon, hears=False)
        self._log.info("The add-on is not installed in HipChat any more.")


def _refusal(status: str, reason: str) -> Refused:
    return Refused(Answer(status, f"The installation is refused: {reason.rstrip('.')}.\n"))
