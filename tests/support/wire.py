"""What is met on the wire: certificates, plain connections, and the body of a delivery."""
import base64
import hashlib
import hmac
import socket
import subprocess
from urllib.parse import quote


def make_certificate(directory, name="127.0.0.1", prefix="", hosts="IP:127.0.0.1,DNS:localhost"):
    """Paths of a new certificate and of its key; name is its common name."""
    files = [str(directory / (prefix + name)) for name in ("certificate.pem", "key.pem")]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=" + name, "-addext",
         "subjectAltName=" + hosts, "-out", files[0], "-keyout", files[1]],
        check=True, stderr=subprocess.DEVNULL)
    return files


def connect(url):
    """A plain connection to whatever listens at a URL."""
    host, _, port = url.split("/")[2].partition(":")
    return socket.create_connection((host, int(port)), timeout=60)


def delivery(text="hi", number=0, room="Factor"):
    """The body of a delivery by HipChat; `number` tells it from others."""
    return {"event": "room_message", "webhook_id": 7, "item": {
        "message": {"id": f"message-{number}", "message": text, "from": {"name": "Ann"}},
        "room": {"name": room}}}


def named_url(public_url, secret, event, room):
    """The URL of a webhook as version 0.1.0 made it, signed over what a rule calls the room."""
    digest = hmac.new(secret, f"{event}\n{room}".encode(), hashlib.sha256).digest()
    return "{}/{}/{}/{}".format(public_url, event, quote(room, safe=""),
                                base64.urlsafe_b64encode(digest).decode().rstrip("="))
