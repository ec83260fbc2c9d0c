"""Certificates, plain connections, requests byte by byte, and the body of a delivery."""
import contextlib
import json
import socket
import subprocess
import uuid
from typing import Mapping, NamedTuple, Optional
from urllib.parse import urlsplit


class Answer(NamedTuple):
    """An HTTP response; the names of its headers are in lower case. status: None without one."""

    status: Optional[int]
    headers: Mapping[str, str]
    body: bytes


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


def connect(url, source=None):
    """A plain connection to whatever listens at a URL; source: the IP address it comes from."""
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), 60, source and (source, 0))


def send_raw(url, *parts, end=False, source=None):
    """Send bytes as they are, and read the answer to its end; end: announce the end of ours."""
    answer = b""
    with connect(url, source) as connection:
        with contextlib.suppress(ConnectionError):
            for part in parts:
                connection.sendall(part)
        with contextlib.suppress(OSError):
            if end:
                connection.shutdown(socket.SHUT_WR)
            for received in iter(lambda: connection.recv(65536), b""):
                answer += received
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    return Answer(int(first.split()[1]) if head else None,
                  dict(line.lower().split(": ", 1) for line in lines), body)


def post_raw(url, *body, headers=None, method="POST", **options):
    """Send a request of our own; headers: by default the length of the body."""
    if headers is None:
        headers = [f"Content-Length: {sum(map(len, body))}"]
    head = "\r\n".join([f"{method} {urlsplit(url).path} HTTP/1.1", "Host: st2", *headers, "", ""])
    return send_raw(url, head.encode("latin-1"), *body, **options)


def delivery(text="hi", **room):
    """The body of a delivery by HipChat with a new message ID; room: what it says of the room."""
    return {"event": "room_message", "webhook_id": 7, "item": {
        "message": {"id": str(uuid.uuid4()), "message": text, "from": {"name": "Ann"}},
        "room": room or {"name": "Factor"}}}


def raw_delivery(text="hi", size=0):
    """A delivery's body as bytes, with blanks at its end up to this size."""
    return json.dumps(delivery(text)).encode().ljust(size)
