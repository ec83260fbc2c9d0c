"""The pack as an add-on, in processes of their own."""
import contextlib
import json

from support.servers import Hipchat, Stackstorm
from support.waiting import wait_until

NOT_ACCEPTING = "listener: deliveries are not accepted"
REFERENCE = "{{ st2kv.system.hipchat_addon }}"


class AddonStackstorm(Stackstorm):
    """The pack as an add-on that is not installed yet; url is the one to paste.

    What StackStorm's datastore keeps outlives a restart.
    """

    def __init__(self, directory, hipchat, options=(), addon=(), **config):
        self.hipchat = hipchat
        config = dict({"api_key": None, "rooms": "all"}, **config)
        super().__init__(directory, hipchat, options=[
            "--datastore", str(directory / "datastore.json"), *options], addon=dict(
                {"enabled": True, "credentials": REFERENCE}, **dict(addon)), **config)
        self.url = None
        if not options:
            # Else a delivery that HipChat sends once could come too early.
            wait_until(lambda: NOT_ACCEPTING not in self.health().get("reasons", [NOT_ACCEPTING]))
            self.url = wait_until(self.url_to_paste)

    def url_to_paste(self):
        """The URL that hipchat.check says to paste, or None."""
        lines = self.run_action("hipchat.check")[1]["lines"]
        return next((line.split()[-1] for line in lines if line.endswith("/descriptor")), None)

    def kept(self):
        """What the datastore keeps, as text."""
        return (self.directory / "datastore.json").read_text()

    def credentials(self):
        """The id and the secret of the OAuth client that HipChat made."""
        return json.loads(json.loads(self.kept())["hipchat_addon"])["integration"]

    def is_installed(self):
        return self.health().get("addon") == {"installed": True}


@contextlib.contextmanager
def installed_addon(directory, *rooms):
    """A HipChat with these rooms, and the pack as an add-on that is installed in it; id: its."""
    with Hipchat(*[option for room in rooms for option in ("--room", room)]) as hipchat, \
            AddonStackstorm(directory, hipchat) as process:
        process.id = hipchat.people.install(process.url)["id"]
        yield process
