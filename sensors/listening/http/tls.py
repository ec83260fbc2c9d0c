"""Encrypts the webhook endpoint's connections (TLS), and reloads a renewed certificate."""
import os
import ssl
from typing import Any, Tuple

from eventlet.green.ssl import GreenSSLContext

from listening.operations.health import Health

__all__ = ["Tls"]


class Tls:
    """Encrypts connections with TLS 1.2 or higher.

    At each connection, the certificate and key files are loaded again if they have changed. While
    they cannot be loaded, the previous certificate stays in use, and /health shows a problem.
    """

    def __init__(self, certificate: str, key: str, health: Health):
        """Load the certificate with its chain, and the private key, from PEM files at these paths.

        Raises:
            OSError: the files cannot be loaded.
        """
        self._files = (certificate, key)
        self._health = health
        self._stamp = self._stamp_now()
        self._context = self._load()

    def wrap(self, connection: Any) -> Any:
        """Return an encrypted socket for a connection. Its first read does the TLS handshake."""
        try:
            stamp = self._stamp_now()
            if stamp != self._stamp:
                self._context = self._load()
                self._stamp = stamp
            self._health.clear_problem("TLS")
        except OSError as error:
            self._health.set_problem("TLS", "the renewed certificate cannot be used",
                                     f"{error}. The previous certificate stays in use.")
        return self._context.wrap_socket(connection, server_side=True,
                                         do_handshake_on_connect=False)

    def _stamp_now(self) -> Tuple:
        return tuple((found.st_mtime_ns, found.st_ino, found.st_size)
                     for found in map(os.stat, self._files))

    def _load(self) -> GreenSSLContext:
        context = GreenSSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION  # pylint: disable=no-member
        try:
            # Without a password, OpenSSL would prompt for one if the key is encrypted, and block.
            context.load_cert_chain(*self._files, password="")
        except OSError as error:
            certificate, key = self._files
            reason = getattr(error, "reason", None) or error
            raise OSError(
                f"{certificate} and {key} are not a certificate and its key ({reason})") from None
        return context
