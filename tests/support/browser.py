"""A headless Chromium, by way of chromedriver and the WebDriver protocol."""
import base64
import shutil
import subprocess
import tempfile

from support.servers import direct
from support.waiting import wait_until

__all__ = ["Browser", "CHROMEDRIVER", "KEYS"]

CHROMEDRIVER = shutil.which("chromedriver")
# chromedriver finds a Chrome itself.
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync", "--no-proxy-server"]
KEYS = {"Tab": "\ue004", "Enter": "\ue007", "Space": "\ue00d", "Escape": "\ue00c"}
START_SECONDS = 60


def started_driver():
    """A chromedriver and the port on which it listens.

    It takes a port that is free in IPv6, and ends where that one is taken in IPv4: another is
    started then.
    """
    while True:
        driver = subprocess.Popen([CHROMEDRIVER, "--port=0"], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, universal_newlines=True)
        said = ""
        for line in driver.stdout:
            if "successfully" in line:
                return driver, line.split()[-1].rstrip(".")
            said += line
        driver.stdout.close()
        driver.wait()
        assert "port not available" in said, said


class Browser:
    """A browser with one page, from `with` to its end."""

    def __init__(self):
        self._session = direct()
        self._directory = tempfile.TemporaryDirectory(prefix="browser-")
        self._driver, port = started_driver()
        self._url = f"http://127.0.0.1:{port}/session"

    def __enter__(self):
        options = {"args": ARGUMENTS + ["--user-data-dir=" + self._directory.name],
                   **({"binary": CHROMIUM} if CHROMIUM else {})}
        try:
            session = self._call("POST", "", {"capabilities": {"alwaysMatch": {
                "goog:chromeOptions": options}}}, START_SECONDS)
        except BaseException:
            self._stop()
            raise
        self._url += "/" + session["sessionId"]
        return self

    def __exit__(self, *_):
        try:
            self._call("DELETE", "")
        finally:
            self._stop()

    def _stop(self):
        self._driver.terminate()
        self._driver.wait()
        self._driver.stdout.close()
        self._directory.cleanup()

    def open(self, url, width=1280, height=800, dark=False):
        """Open a page, in a window of this size."""
        self._devtools("Emulation.setDeviceMetricsOverride", width=width, height=height,
                       deviceScaleFactor=1, mobile=width < 600)
        self._devtools("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self._call("POST", "/url", {"url": url})

    def run(self, script):
        """What a script in the page returns."""
        return self._call("POST", "/execute/sync", {"script": script, "args": []})

    def wait_for(self, script):
        """The first true value of an expression in the page."""
        return wait_until(lambda: self.run("return " + script), what=script)

    def press(self, *keys):
        """Press keys one after another: names of KEYS, or text."""
        characters = "".join(KEYS.get(key, key) for key in keys)
        actions = [{"type": kind, "value": character} for character in characters
                   for kind in ("keyDown", "keyUp")]
        self._call("POST", "/actions", {"actions": [
            {"type": "key", "id": "keyboard", "actions": actions}]})

    def screenshot(self):
        """The window as a PNG."""
        return base64.b64decode(self._call("GET", "/screenshot"))

    def _devtools(self, command, **parameters):
        self._call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def _call(self, method, path, body=None, seconds=60):
        answer = self._session.request(method, self._url + path, json=body, timeout=seconds)
        value = answer.json()["value"]
        assert answer.ok, value
        return value
