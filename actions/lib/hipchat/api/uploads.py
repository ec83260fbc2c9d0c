"""Reads a file to share, and encodes it as HipChat accepts it: multipart/related."""
import base64
import json
import mimetypes
import uuid
from pathlib import Path
from typing import List, NamedTuple, Optional, Tuple
from urllib.parse import quote

from hipchat.errors import ParameterError
from hipchat.api.limits import check_length

__all__ = ["Upload"]

LARGEST_FILE = 50 * 1024 ** 2  # bytes; HipChat's own limit is not known for sure


class Upload(NamedTuple):
    """A file to share in HipChat: its name and its bytes."""

    name: str
    content: bytes

    @classmethod
    def of(cls, path: Optional[str], content: Optional[str], name: Optional[str]) -> "Upload":
        """Return an upload of a file of this host, or of a string as the content.

        Args:
            name: the name to show; None for the name of the file, or for message.txt.

        Raises:
            ParameterError: both or neither of path and content are given, or the file cannot be
                read, is empty or is too large.
        """
        if content is not None and path is None:
            return cls._checked(name or "message.txt", content.encode("utf-8"))
        if path is None or content is not None:
            raise ParameterError("Give either the path of a file or its content.")
        try:
            with Path(path).open("rb") as file:
                return cls._checked(name or Path(path).name, file.read(LARGEST_FILE + 1))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ParameterError(f"The file {path!r} cannot be read: {reason}.") from None

    @classmethod
    def _checked(cls, name: str, content: bytes) -> "Upload":
        if not content or len(content) > LARGEST_FILE:
            raise ParameterError(f"{name} is {'too large' if content else 'empty'}; a file of 1 "
                                 f"byte to {LARGEST_FILE // 1024 ** 2} MiB can be shared.")
        return cls(name, content)

    def body(self, message: Optional[str]) -> Tuple[bytes, str]:
        """Return the body of a share/file call, with any message to post, and its content type.

        The parts and headers are those of hipchat-rb, a client by HipChat's makers.
        """
        check_length("message", message, 0, 1000)
        boundary = uuid.uuid4().hex
        parts = _part(boundary, "application/json; charset=UTF-8", 'name="metadata"',
                      json.dumps({"message": message} if message else {}))
        parts += _part(boundary, mimetypes.guess_type(self.name)[0] or "application/octet-stream",
                       'name="file"; ' + self._filename(), base64.b64encode(self.content).decode(),
                       "Content-Transfer-Encoding: base64")
        body = "\r\n".join(parts + [f"--{boundary}--", ""])
        return body.encode("ascii"), f"multipart/related; boundary={boundary}"

    def _filename(self) -> str:
        if self.name.isascii() and self.name.isprintable():
            escaped = self.name.replace("\\", "\\\\").replace('"', '\\"')
            return f'filename="{escaped}"'
        return f"filename*=utf-8''{quote(self.name, safe='')}"


def _part(boundary: str, content_type: str, names: str, content: str, *headers: str) -> List[str]:
    return ["--" + boundary, "Content-Type: " + content_type,
            "Content-Disposition: attachment; " + names, *headers, "", content]
