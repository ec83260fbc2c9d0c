"""Certificates, plain connections, and the body of a delivery."""
import socket
import subprocess
import uuid


def make_certificate(directory, name="127.0.0.1", prefix="", hosts="IP:127.0.0.1,DNS:localhost"):
    """Return the paths of a new certificate and of its key.

    Args:
        directory: a pathlib.Path, where both files are written.
        name: the certificate's common name.
        prefix: what the names of the files begin with.
        hosts: its subjectAltName; it has none if this is empty.
    """
    files = [str(directory / (prefix + name)) for name in ("certificate.pem", "key.pem")]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=" + name,
         *(["-addext", "subjectAltName=" + hosts] if hosts else []),
         "-out", files[0], "-keyout", files[1]],
        check=True, stderr=subprocess.DEVNULL)
    return files


def connect(url):
    """A plain connection to whatever listens at a URL."""
    host, _, port = url.split("/")[2].partition(":")
    return socket.create_connection((host, int(port)), timeout=60)


def delivery(text="hi", **room):
    """The body of a delivery by HipChat with a new message ID; room: what it says of the room."""
    return {"event": "room_message", "webhook_id": 7, "item": {
        "message": {"id": str(uuid.uuid4()), "message": text, "from": {"name": "Ann"}},
        "room": room or {"name": "Factor"}}}
