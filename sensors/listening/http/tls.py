"""The listener's TLS, which follows a certificate that is renewed on disk."""
import os
import ssl
from typing import Any, Tuple

from eventlet.green.ssl import GreenSSLContext

from listening.operations.health import Health

__all__ = ["Tls"]


class Tls:
    """A server's TLS, 1.2 and up, from a certificate (with its chain) and a key, both PEM files.

    The files are checked for each connection and loaded again when they have changed. While they
    cannot be loaded, those that were loaded last still serve, and /health shows a problem. Raises
    OSError if they cannot be loaded at first.
    """

    def __init__(self, certificate: str, key: str, health: Health):
        self._files = (certificate, key)
        self._health = health
        self._stamp = self._stamp_now()
        self._context = self._load()

    def wrap(self, connection: Any) -> Any:
        """The connection, encrypted; the handshake happens with the first byte that is read."""
        self._follow()
        return self._context.wrap_socket(connection, server_side=True,
                                         do_handshake_on_connect=False)

    def _follow(self) -> None:
        try:
            stamp = self._stamp_now()
            if stamp != self._stamp:
                self._context = self._load()
                self._stamp = stamp
            self._health.clear_problem("TLS")
        except OSError as error:
            self._health.set_problem("TLS", "the renewed certificate cannot be used", "{}. The one "
                                 "that was loaded before still serves.".format(error))

    def _stamp_now(self) -> Tuple:
        return tuple((found.st_mtime_ns, found.st_ino, found.st_size)
                     for found in map(os.stat, self._files))

    def _load(self) -> GreenSSLContext:
        context = GreenSSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION  # pylint: disable=no-member
        try:
            # Without a password OpenSSL would ask for that of an encrypted key, and wait.
            context.load_cert_chain(*self._files, password="")
        except OSError as error:
            raise OSError("{} and {} do not make a certificate with its key ({})".format(
                *self._files, getattr(error, "reason", None) or error)) from None
        return context
