"""Where logs lie: files by name or pattern, unpacked, as blocks of whole lines or as text."""

from __future__ import annotations

import codecs
import glob
import io
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TextIO

from simulation.errors import InputError, Problem
from simulation.formats import named_path, open_bytes, shorten_it, shown

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "HEAD",
    "LONGEST_LINE",
    "Block",
    "begins_alike",
    "blocks",
    "encoding_of",
    "find",
    "first_bytes",
    "head_of",
    "open_log",
    "text_of",
]

LONGEST_LINE = 1_000_000
"""Characters of a line beyond which it is skipped: no request is so long."""
_BLOCK = 2_000_000
HEAD = 200_000
"""How many bytes of a log are looked at to recognise its form."""
_SAMPLE = 2000

_PACKED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_OTHER_PACKED = {b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"7z\xbc\xaf": "7z", b"Rar!": "rar"}
_UTF_16 = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def _as_latin_1(error: UnicodeError) -> tuple[str, int]:
    """Return bytes that are no UTF-8 as Latin-1, which older programs write."""
    assert isinstance(error, UnicodeDecodeError)
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error("creditsim.latin-1", _as_latin_1)


class Block(NamedTuple):
    """Whole lines of a log.

    Attributes
    ----------
    data : memoryview
        The lines, each with its end, but for the last one of a file.
    too_long : int
        How many lines before it were left out, since they were longer than `LONGEST_LINE`.
    """

    data: memoryview
    too_long: int


def find(names: Sequence[str | Path]) -> list[Path]:
    """Return the files of names and patterns such as ``logs/*.gz``, each once, in order.

    Raises
    ------
    InputError
        If a pattern fits no file, or nothing is named.
    """
    found: dict[str, Path] = {}
    for name in names:
        path = named_path(name, "log")
        if path.exists() or not glob.has_magic(str(path)):
            files = [path]
        elif not (files := sorted(map(Path, glob.glob(str(path), recursive=True)))):  # noqa: PTH207
            raise InputError([Problem(shown(path), "", "fits no file, name one that is there")])
        for file in files:
            if not file.is_dir() or file == path:
                found.setdefault(os.path.realpath(file), file)
    if not found:
        raise InputError([Problem("log", "", "names no file, name at least one")])
    return list(found.values())


@contextmanager
def open_log(
    path: Path, kind: str = "log", megabytes: int | None = None
) -> Iterator[io.BufferedReader]:
    """Open a log, unpacked if it is packed by gzip or zstandard: the bytes tell, not the name.

    Raises
    ------
    InputError
        If it is no regular file, is too large, packed or unpacked, is packed otherwise, or damaged.
    """
    with open_bytes(path, kind, megabytes) as file:
        size = os.fstat(file.fileno()).st_size
        head = file.peek(8)[:8]
        for mark, name in _OTHER_PACKED.items():
            if head.startswith(mark):
                what = f"is packed by {name}, unpack it, or pack it by gzip or zstandard"
                raise InputError([Problem(shown(path), "", what)])
        packing = next((name for mark, name in _PACKED.items() if head.startswith(mark)), None)
        if packing is None:
            yield io.BufferedReader(_UpTo(file, size))  # what a growing file had at first
            return
        import pyarrow as pa

        try:
            stream = pa.CompressedInputStream(pa.PythonFile(file, "r"), packing)
            most = None if megabytes is None else megabytes * 1_000_000
            yield io.BufferedReader(_Unpacked(stream, most, path, kind), _BLOCK)
        except OSError as error:
            what = f"is damaged or ends early ({packing}: {error}), get it whole"
            raise InputError([Problem(shown(path), "", what)]) from None


class _UpTo(io.RawIOBase):
    """A file up to a size."""

    def __init__(self, file: io.BufferedReader, size: int) -> None:
        self._file, self._size = file, size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_END:
            offset, whence = self._size + offset, io.SEEK_SET
        return self._file.seek(offset, whence)

    def readinto(self, into: memoryview) -> int:  # type: ignore[override]
        # Python hands over a bytearray in place of a view at times, whose slice would be a copy.
        left = max(0, self._size - self._file.tell())
        return self._file.readinto(memoryview(into)[:left])


class _Unpacked(io.RawIOBase):
    """What a packed file holds, up to a number of bytes."""

    def __init__(self, stream: pa.NativeFile, most: int | None, path: Path, kind: str) -> None:
        self._stream, self._most, self._path, self._kind = stream, most, path, kind
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, into: memoryview) -> int:  # type: ignore[override]
        data: bytes = self._stream.read(len(into))
        self._read += len(data)
        if self._most is not None and self._read > self._most:
            size = f"{self._most / 1e6:,.0f}"
            what = f"unpacks to more than {size} MB, a {self._kind} file has at most {size}"
            raise InputError([Problem(shown(self._path), "", f"{what}: {shorten_it(self._kind)}")])
        into[: len(data)] = data
        return len(data)


def begins_alike(one: Path, other: Path) -> Path | None:
    """Return the shorter of two logs if it is all that the other one begins with, unpacked."""
    with open_log(one) as first, open_log(other) as second:
        while True:
            its, others = first.read(_BLOCK), second.read(_BLOCK)
            if its != others:
                if others.startswith(its):
                    return one
                return other if its.startswith(others) else None
            if not its:
                return other


def head_of(path: Path) -> bytes:
    """Return some 200,000 bytes with which a log begins, unpacked."""
    with open_log(path) as file:
        return file.read(HEAD)


def encoding_of(head: bytes) -> str:
    """Return how the text of a log is written, from its first bytes."""
    if head[:2] in _UTF_16:
        return "utf-16"
    sample = head[:_SAMPLE]
    for n, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if len(sample) > 3 and sample[n::2].count(0) > 0.4 * len(sample) / 2:
            return encoding
    return "utf-8-sig"


def first_bytes(file: io.BufferedReader) -> bytes:
    """Return some bytes with which an opened log begins, and which are still to be read."""
    return file.peek(_SAMPLE)


@contextmanager
def text_of(file: io.BufferedReader) -> Iterator[TextIO]:
    """Give an opened log as text: UTF-8 or UTF-16, or Latin-1 where it is neither."""
    encoding = encoding_of(first_bytes(file))
    errors = "creditsim.latin-1" if encoding == "utf-8-sig" else "replace"
    with io.TextIOWrapper(file, encoding=encoding, errors=errors, newline="") as text:
        yield text


def blocks(path: Path) -> Iterator[Block]:
    r"""Yield the lines of a log in blocks of some 2 MB, as UTF-8 or Latin-1, parted by ``\n``.

    A line that is longer than `LONGEST_LINE` is left out. Errors are those of `open_log`.
    """
    with open_log(path) as file:
        recode = _recoder(first_bytes(file))
        rest, too_long, inside = b"", 0, False
        while True:
            data = bytearray(len(rest) + _BLOCK)
            data[: len(rest)] = rest
            room = memoryview(data)[len(rest) : len(rest) + _BLOCK]
            count = file.readinto(room)
            size = len(rest) + count
            if recode is not None:
                data = bytearray(rest + recode(bytes(memoryview(data)[len(rest) : size])))
                size = len(data)
            if not count:
                break
            start = 0
            if inside:  # a line that is left out goes on
                start = data.find(b"\n", 0, size) + 1
                inside, start = not start, start or size
            end = max(start, data.rfind(b"\n", start, size) + 1)
            if end > start:
                yield Block(memoryview(data)[start:end], too_long)
                too_long = 0
            rest = bytes(memoryview(data)[end:size])
            if len(rest) > LONGEST_LINE:
                rest, inside, too_long = b"", True, too_long + 1
        if rest or too_long:
            yield Block(memoryview(rest), too_long)


def _recoder(head: bytes) -> Callable[[bytes], bytes] | None:
    """Return what makes UTF-8 with line feeds of a log that begins so; None where it is that."""
    encoding = encoding_of(head)
    has_mac_ends = b"\n" not in head and b"\r" in head
    if encoding == "utf-8-sig" and not has_mac_ends and not head.startswith(codecs.BOM_UTF8):
        return None
    errors = "creditsim.latin-1" if encoding == "utf-8-sig" else "replace"
    decoder = codecs.getincrementaldecoder(encoding)(errors)

    def recoded(data: bytes) -> bytes:
        text = decoder.decode(data)
        return (text.replace("\r", "\n") if has_mac_ends else text).encode("utf-8", "replace")

    return recoded
