"""Snapshots as bytes: gzipped lines of JSON. Sections may be joined end to end, packed as they are."""

import gzip
import zlib
from collections.abc import Iterator
from typing import IO

import msgspec

from shared.model import Judged
from shared.snapshot.digest import Digest
from shared.snapshot.lines import SCHEMA, End, Head, Line, Reading

SUFFIX = ".ndjson.gz"
_LEVEL = 5
_GZIP = 31
"""What tells zlib to write the header and the end of a gzip file (zlib's manual, `deflateInit2`)."""
_BLOCK = 64 * 1024
"""Bytes that are packed at once."""
_LONGEST_LINE = 64 * 1024 * 1024
_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)


class _Form(msgspec.Struct):
    """Of any form's head or index, those of releases to come too."""

    schema: int


_form = msgspec.json.Decoder(_Form)


class SnapshotUnreadable(Exception):
    """A file is no whole snapshot. `line` counts from 1; `reason` never quotes a value.

    `code` and `values`: the same for people, a text of section `snapshots`.
    """

    def __init__(self, line: int, code: str, reason: str, **values: str | int) -> None:
        self.line, self.code, self.reason, self.values = line, code, reason, values
        super().__init__(f"line {line}: {reason}")


class SectionWriter:
    """Writes one section. Nothing that was written counts without `end`. `level`: gzip's, 1 to 9."""

    def __init__(self, out: IO[bytes], head: Head, level: int = _LEVEL) -> None:
        self._out = out
        self._packing = zlib.compressobj(level, wbits=_GZIP)
        # `gzip.GzipFile` would pack line by line, at a fifth more CPU.
        self._waiting = bytearray()
        self._digest = Digest()
        self._write(head)

    def add(self, reading: Reading, judged: Judged) -> None:
        """One user, and the verdict that was given then."""
        self._digest.add(reading.user.id, judged)
        self._write(reading)

    def end(self) -> End:
        """Close the section; the file object stays open."""
        end = End(users=self._digest.users, verdicts=self._digest.hex())
        self._write(end)
        self._out.write(self._packing.compress(self._waiting) + self._packing.flush())
        return end

    def _write(self, line: Line) -> None:
        waiting = self._waiting
        _encoder.encode_into(line, waiting, -1)
        waiting += b"\n"
        if len(waiting) >= _BLOCK:
            self._out.write(self._packing.compress(waiting))
            waiting.clear()


def read(source: IO[bytes]) -> Iterator[Line]:
    """Every line in order: for each section its head, its users, its end.

    Raises `SnapshotUnreadable` where it isn't one, was cut, has another schema or lacks users; a caller that
    acts before the last line may act on a part.
    """
    number, open_head, users, ends = 0, False, 0, 0
    try:
        with gzip.open(source) as unpacked:
            while text := unpacked.readline(_LONGEST_LINE):
                number += 1
                line = _decoded(text, number)
                match line:
                    case Head():
                        if open_head:
                            raise SnapshotUnreadable(
                                number, "cut-short", "a section begins before the last has ended"
                            )
                        expect_schema(line.schema, number)
                        open_head, users = True, 0
                    case Reading():
                        users += 1
                    case End():
                        if line.users != users:
                            raise SnapshotUnreadable(
                                number,
                                "users-missing",
                                f"{line.users} users are promised, {users} are there",
                                promised=line.users,
                                found=users,
                            )
                        ends += 1
                if not open_head:
                    raise SnapshotUnreadable(number, "not-a-line", "there is no head before it")
                if isinstance(line, End):
                    open_head = False
                yield line
    except (OSError, EOFError, zlib.error) as fault:
        # gzip's own errors are `OSError`s without a number; those of the disk have one.
        if isinstance(fault, OSError) and fault.errno is not None:
            raise
        raise SnapshotUnreadable(number + 1, "not-packed", "it is cut short, or not gzip") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
        raise SnapshotUnreadable(number, "not-a-line", f"not a line of a snapshot: {_place(fault)}") from None
    if open_head or not ends:
        raise SnapshotUnreadable(number + 1, "cut-short", "it is cut short: the end is missing")


def _decoded(text: bytes, number: int) -> Line:
    try:
        return _decoder.decode(text)
    except msgspec.ValidationError:
        # What another form changed may well not fit ours: then its number is the reason, not the misfit.
        expect_schema(schema_of(text), number)
        raise


def schema_of(text: bytes) -> int:
    """The form that a head or an index says it has; ours where it says nothing."""
    try:
        return _form.decode(text).schema
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return SCHEMA


def expect_schema(schema: int, line: int) -> None:
    """Raises `SnapshotUnreadable` for a form that this release does not know."""
    if schema != SCHEMA:
        reason = f"schema {schema} is not known, only {SCHEMA}: use a newer version"
        raise SnapshotUnreadable(line, "newer-schema", reason, schema=schema, known=SCHEMA)


def _place(fault: Exception) -> str:
    """Where in the line, without what msgspec quotes of it."""
    _, at, place = str(fault).rpartition(" - at `")
    return f"at {place.rstrip('`')}" if at else "it is not JSON of that shape"
