"""Installs and removes the add-on when HipChat requests it, and stores its credentials."""
import logging
from typing import Callable, Optional

import eventlet
from eventlet.semaphore import Semaphore

from hipchat.api.credentials import Integration
from hipchat.config.addon import Addon
from hipchat.config.sensor_settings import SensorSettings
from hipchat.errors import HipChatError, InvalidToken
from hipchat.webhook.addon_urls import AddonUrls
from listening import timing
from listening.addon.claim import Claim, group_id, is_capabilities_of
from listening.addon.verification import InstallationRefused, Verifier
from listening.backoff import Backoff
from listening.errors import ServiceUnavailable
from listening.operations.health import Health
from listening.wakeup import WakeUp

__all__ = ["Installation", "NotStored"]


class NotStored(Exception):
    """The datastore answers, but cannot store the add-on's credentials.

    Attributes:
        reason: the cause. It is sent to HipChat, so it contains no names.
        remedy: how to correct the cause, for the operator's log.
    """

    def __init__(self, reason: str, remedy: str):
        self.reason, self.remedy = reason, remedy
        super().__init__(f"{reason}. {remedy}")


class Installation:
    """Manages the add-on's one installation, for the whole group of the config's HipChat.

    HipChat's callbacks install and uninstall the add-on. Callbacks are unsigned, so the Verifier
    asks HipChat whether a callback is true. A false one changes nothing.

    Attributes:
        is_delivering: True if HipChat posts all events to the add-on: then room webhooks are not
            needed.
        urls: the URLs that HipChat calls; None until the datastore was read.
    """

    def __init__(self, settings: SensorSettings, load: Callable[[], Optional[str]],
                 save: Callable[[str], None], credentials_changed: Callable[[], None],
                 health: Health, log: logging.Logger):
        """Args:
            load, save: read and store the installation, as a string, in StackStorm's datastore.
                `load` returns None if none is stored. Both raise NotStored and ServiceUnavailable.
            credentials_changed: called after a change of the credentials or of is_delivering.
        """
        self._api, self._public_url = settings.api, settings.public_url
        self._load, self._save, self._credentials_changed = load, save, credentials_changed
        self._health, self._log = health, log
        self._verifier = Verifier(settings.api, health)
        self._one_at_a_time = Semaphore()
        self._check_now = WakeUp()
        self._addon: Optional[Addon] = None
        self.urls: Optional[AddonUrls] = None
        self.enabled = settings.api.addon.enabled
        self.is_delivering = False
        if self.enabled:
            health.promise(lambda: self.credentials is not None, "add-on: it is not installed")
            health.add_metrics(addon=lambda: {"installed": self.credentials is not None})

    @property
    def credentials(self) -> Optional[Integration]:
        """The OAuth client that HipChat created for the add-on; None if it is not installed."""
        return self._addon.integration if self._addon else None

    @property
    def replaces_webhooks(self) -> bool:
        """True if room webhooks are unnecessary, or impossible because there is no api_key."""
        return self.is_delivering or (self.enabled and not self._api.api_key)

    @property
    def is_missing(self) -> bool:
        """True while the sensor has no token for HipChat, as the add-on is not installed yet."""
        return self.enabled and not self._api.api_key and self.credentials is None

    def event_of(self, url: str) -> Optional[str]:
        """Return the event (HipChat's name) of a signed event URL; None for other URLs."""
        return self.urls.events.get(url) if self.urls and self.credentials else None

    def run(self) -> None:
        """Load the stored installation; check for ever whether HipChat knows its OAuth client."""
        self._begin()
        self._check()
        delay = timing.ADDON_CHECK_PERIOD
        while True:
            is_requested = self._check_now.wait(delay)
            if is_requested:
                eventlet.sleep(timing.ADDON_CHECK_DELAY)
            self._check()
            delay = timing.ADDON_RECHECK_DELAY if is_requested else timing.ADDON_CHECK_PERIOD

    def note_delivery(self) -> None:
        """Note that HipChat posted a delivery to the add-on: room webhooks are not needed now."""
        if self.enabled and self.credentials is not None and not self.is_delivering:
            self.is_delivering = True
            self._credentials_changed()
            self._health.clear_problem("add-on", about="public_url")

    def install(self, claim: Claim) -> None:
        """Verify the installation that a callback claims, store it, and use its credentials.

        Raises:
            InstallationRefused: HipChat issues no token for the whole group; the claim is for
                another HipChat or group; an update is for an OAuth client whose secret is not
                stored; or the datastore does not answer or cannot store the credentials.
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
            self._use(addon, is_delivering=self.is_delivering)
            self._log.info("The add-on is installed in HipChat's group %s.", addon.group)

    def uninstalled(self, oauth_id: str) -> None:
        """Ask HipChat soon whether the add-on is installed, because a callback says that it is not.

        Callbacks about another OAuth client than the stored one are ignored.
        """
        if self.credentials and self.credentials.oauth_id == oauth_id:
            self._check_now.set()

    def _begin(self) -> None:
        """Load the stored installation, or store one without credentials; retry until stored."""
        backoff = Backoff(timing.DATASTORE_RETRY_MAX)
        while self._addon is None:
            try:
                stored = self._load()
                if stored:
                    self._use(Addon.read(stored), is_delivering=True)
                elif self.enabled:
                    addon = Addon.new()
                    self._save(addon.text())
                    self._use(addon, is_delivering=False)
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

    def _use(self, addon: Addon, is_delivering: bool) -> None:
        """Use an installation from now on.

        Args:
            is_delivering: True if HipChat posts events to an add-on that is installed for this
                public_url.
        """
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
        """Return the installation that a callback claims, once HipChat has confirmed it."""
        known = self._addon
        if known is None:
            raise InstallationRefused("StackStorm's datastore was not read yet; try again",
                                      try_again=True)
        if not is_capabilities_of(claim.capabilities_url, self._api.api_url):
            self._health.record_incident(
                "add-on", "an installation by another HipChat was refused", "Its capabilities are "
                f"at {claim.capabilities_url!r}, and api_url is {self._api.api_url}.")
            raise InstallationRefused("capabilitiesUrl is not that of the HipChat that the pack's "
                                      "config names in api_url")
        secret, expected_group = claim.secret, self._api.addon.group
        if known.integration:
            if expected_group is None:
                expected_group = group_id(known.group)
            if secret is None and known.integration.oauth_id == claim.oauth_id:
                secret = known.integration.secret
        if secret is None:
            raise InstallationRefused("its secret is not stored any more; uninstall the add-on in "
                                      "HipChat, and install it again")
        integration = Integration(claim.oauth_id, secret)
        group = self._verifier.group(integration)
        if group is None:
            group = claim.group
        if claim.group not in (None, group) or expected_group not in (None, group):
            raise InstallationRefused("it is for another group")
        return known._replace(integration=integration, group=group, public_url=self._public_url)

    def _check(self) -> None:
        """Remove the stored installation if HipChat answers 401 for its OAuth client twice."""
        with self._one_at_a_time:
            if self._is_unknown():
                eventlet.sleep(timing.ADDON_CHECK_DELAY)
                if self._is_unknown():
                    self._forget()

    def _is_unknown(self) -> bool:
        """Return whether HipChat answers 401 for the stored OAuth client."""
        try:
            if self.credentials:
                self._verifier.token(self.credentials)
        except InvalidToken:
            return True
        except HipChatError as error:  # until the next check
            self._log.info("The add-on's installation could not be checked: %s", error)
        return False

    def _forget(self) -> None:
        """Remove the credentials of the installation, also in the datastore if it answers."""
        if self._addon is None:
            return
        addon = Addon(self._addon.secret)
        try:
            self._save(addon.text())
        except (NotStored, ServiceUnavailable) as error:
            self._log.info("The add-on's stored credentials cannot be removed: %s", error)
        self._use(addon, is_delivering=False)
        self._log.info("The add-on is not installed in HipChat any more.")
