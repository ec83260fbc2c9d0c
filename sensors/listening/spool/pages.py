"""The pages of an SQLite file and of its write-ahead log, read without SQLite.

SQLite reads no page behind one that is damaged, and nothing of a log behind a frame that is; but
those may be whole. Source: https://www.sqlite.org/fileformat2.html
"""
import io
import struct
from typing import BinaryIO, Dict, Iterator, List, NamedTuple, Optional, Tuple

__all__ = ["LOG", "PAGE", "Pages", "open_files", "sqlite_sees_all"]

LOG = "-wal"  # after a file's name: the log, with what is not in the file yet
PAGE = 4096  # bytes; the file is made so
LOG_HEADER = 32  # bytes
FRAME_HEADER = 24  # bytes
MAGIC = b"\x37\x7f\x06"  # a log begins so
BIG_ENDIAN = 0x83  # the byte behind that, where checksums go by big-endian words

_Checksum = Tuple[int, int]
_Place = Tuple[int, Optional[int]]  # a page, by its number and where in the log; None: in the file


class _Frame(NamedTuple):
    """A page in the log, for which part of the file it is, and how far it can be trusted.

    holds: its checksum does; likely: it may, but what comes before it is damaged; chained: all
    up to it hold; ours: it bears the log's mark, as what an earlier use of the log has left does
    not; commits: it is the last of a transaction.
    """

    page: int
    offset: int
    holds: bool
    likely: bool
    chained: bool
    ours: bool
    commits: bool


class Pages:
    """All pages that can be read of a file and its log, whatever is damaged.

    A transaction of the log that is whole takes the place of what was there before; one that is
    damaged comes on top, so that what is whole of either is found. Iterating yields every version
    of every page that counts, those first that are whole for certain, and of them the newest.
    """

    def __init__(self, file: BinaryIO, log: BinaryIO):
        self._file, self._log = file, log
        self._count = (_size(file) + PAGE - 1) // PAGE
        self._versions: Dict[int, List[Optional[int]]] = {}  # offsets in the log; None: the file
        self._likely: List[_Place] = []
        self._rest: List[_Place] = []
        self._newest: Dict[int, int] = {}
        self._read_log()

    def __iter__(self) -> Iterator[bytes]:
        logged = [(number, offset) for number, versions in self._versions.items()
                  for offset in versions if offset is not None]
        filed = [(number, None) for number in range(1, self._count + 1)
                 if None in self._versions.get(number, [None])]
        for number, offset in sorted(logged, key=_by_offset) + self._likely + filed + self._rest:
            yield self._at(number, offset)

    def newest(self, number: int) -> bytes:
        """The page with this number; of zeros where there is none."""
        return self._at(number, self._newest.get(number))

    def __len__(self) -> int:
        return self._count + _size(self._log) // PAGE

    def _at(self, number: int, offset: Optional[int]) -> bytes:
        if offset is None:
            return _read(self._file, (number - 1) * PAGE, PAGE).ljust(PAGE, b"\0")
        return _read(self._log, offset, PAGE).ljust(PAGE, b"\0")

    def _read_log(self) -> None:
        transaction: List[_Frame] = []
        for frame in _frames_in_use(self._log):
            transaction.append(frame)
            if frame.commits:
                self._take(transaction)
                transaction = []
        if not all(frame.holds for frame in transaction):  # else it was never committed
            self._take(transaction)

    def _take(self, transaction: List[_Frame]) -> None:
        whole = all(frame.holds for frame in transaction)
        for frame in transaction:
            if frame.holds:
                earlier = [] if whole else self._versions.get(frame.page, [None])
                self._versions[frame.page] = earlier + [frame.offset]
            else:
                (self._likely if frame.likely else self._rest).append((frame.page, frame.offset))
            if frame.holds or frame.likely:
                self._newest[frame.page] = frame.offset


def _by_offset(place: _Place) -> int:
    return -(place[1] or 0)


def open_files(path: str) -> Tuple[BinaryIO, BinaryIO]:
    """A file and its log as they are; empty where they are not there."""
    return _open(path), _open(path + LOG)


def sqlite_sees_all(path: str) -> bool:
    """Whether SQLite will take into account all that was committed to the log.

    It stops at the first frame that does not hold, as if what follows had never been, and removes
    the log of an empty file.
    """
    file, log = open_files(path)
    with file, log:
        broken = _size(file) <= 1  # SQLite takes one byte for none
        for frame in _frames_in_use(log):
            broken = broken or not (frame.chained and frame.ours)
            if broken and frame.commits:
                return False
    return True


def _open(path: str) -> BinaryIO:
    try:
        return open(path, "rb", buffering=0)
    except FileNotFoundError:
        return io.BytesIO()


def _frames_in_use(log: BinaryIO) -> List[_Frame]:
    frames = list(_frames(log))
    while frames and not (frames[-1].ours or frames[-1].chained):
        frames.pop()
    return frames


def _frames(log: BinaryIO) -> Iterator[_Frame]:
    header = _read(log, 0, LOG_HEADER).ljust(LOG_HEADER, b"\0")
    order = ">" if header[3] == BIG_ENDIAN else "<"
    stored = struct.unpack(">2I", header[24:])
    chained = holds = header[:3] == MAGIC and _checksum((0, 0), header[:24], order) == stored
    mark = header[16:24] if holds else _mark(log)
    before = [stored]  # by what the next checksum can begin
    for offset in _offsets(log):
        head = _read(log, offset, FRAME_HEADER).ljust(FRAME_HEADER, b"\0")
        page = _read(log, offset + FRAME_HEADER, PAGE).ljust(PAGE, b"\0")
        number, pages = struct.unpack(">2I", head[:8])
        stored = struct.unpack(">2I", head[16:])
        computed = [_checksum(each, head[:8] + page, order) for each in before]
        ours, likely = head[8:16] == mark, head[8:16] == mark and not holds
        holds = stored in computed
        chained = chained and holds
        yield _Frame(number, offset + FRAME_HEADER, holds, likely, chained, ours, pages > 0)
        before = [stored] if holds else [stored, computed[0]]


def _offsets(log: BinaryIO) -> range:
    return range(LOG_HEADER, _size(log) - FRAME_HEADER - PAGE + 1, FRAME_HEADER + PAGE)


def _mark(log: BinaryIO) -> bytes:
    """What the first frames bear, of which one may be damaged, as the log's header is."""
    marks = [_read(log, offset + 8, 8) for offset in _offsets(log)]
    twice = [one for one, other in zip(marks, marks[1:]) if one == other]
    return (twice or marks or [b""])[0]


def _checksum(before: _Checksum, data: bytes, order: str) -> _Checksum:
    first, second = before
    for one, two in struct.iter_unpack(order + "2I", data):
        first = (first + one + second) & 0xffffffff
        second = (second + two + first) & 0xffffffff
    return first, second


def _size(file: BinaryIO) -> int:
    return file.seek(0, 2)


def _read(file: BinaryIO, offset: int, size: int) -> bytes:
    """What can be read there; nothing of a sector that the disk does not give back."""
    try:
        file.seek(offset)
        return file.read(size)
    except OSError:
        return b""
