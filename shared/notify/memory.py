"""The notifier's table in storage: read, and written only over the version that was read.

Packed JSON lines, the first of them the table without its entries, then an entry each: a large tenant has
tens of thousands, and as one piece of JSON they would be in memory twice.
"""

import gzip
import io
import zlib
from collections.abc import Mapping
from typing import Any, cast

import msgspec

from shared.ledger.records import Manifest
from shared.notify.entries import Entry, Heard
from shared.notify.table import Brake, Table
from shared.storage import Container, Stale

_GZIP_LEVEL = 3
_NOT_OURS = (msgspec.DecodeError, UnicodeDecodeError, OSError, EOFError, zlib.error)
"""What unpacking raises of something that the notifier did not write."""

_TRIES = 3
"""How often a table is written where storage says that another wrote, and nobody did."""


class TableUnreadable(Exception):
    """The notifier's table is not what it writes. Never begun anew by itself: all would be told again.

    `path` names its blob, `reason` the place in it.
    """

    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"notifier's table {path} can't be read: {reason}")


class Memory(msgspec.Struct, frozen=True):
    """The table as stored; without an ETag it is not stored yet."""

    path: str
    table: Table
    etag: str | None


class _Braked(msgspec.Struct, frozen=True):
    brakes: tuple[Brake, ...] = ()


async def recall(container: Container, manifest: Manifest | None) -> Memory:
    """The table as it stands; an empty one before the first run. Raises `TableUnreadable`."""
    if manifest is None:
        return Memory("", Table(), None)
    path = _path(manifest)
    stored = await container.read(path)
    if stored is None:
        return Memory(path, Table(), None)
    try:
        return Memory(path, unpacked(stored.data), stored.etag)
    except _NOT_OURS as error:
        raise TableUnreadable(path, str(error)) from None


async def brakes(container: Container, manifest: Manifest | None) -> tuple[Brake, ...]:
    """What the last run left held, or just let go; of the table no more is decoded than its first line.

    Raises `TableUnreadable`.
    """
    if manifest is None:
        return ()
    path = _path(manifest)
    stored = await container.read(path)
    if stored is None:
        return ()
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(stored.data)) as lines:
            return msgspec.json.decode(lines.readline(), type=_Braked).brakes
    except _NOT_OURS as error:
        raise TableUnreadable(path, str(error)) from None


async def commit(container: Container, memory: Memory, table: Table) -> Memory:
    """Write the table over the version that was read. Raises `Stale` if another wrote meanwhile."""
    same = msgspec.structs.replace(table, ran_at=memory.table.ran_at)
    if memory.etag is not None and same == memory.table:
        # That a run found nothing is no reason to write all of it.
        return memory
    data = packed(table)
    for _ in range(_TRIES):
        etag = await _write(container, memory, data)
        if etag is None:
            stored = await container.read(memory.path)
            if stored is not None and stored.data == data:
                # The lease keeps others out, so it was our own write, whose answer was lost.
                etag = stored.etag
            elif (stored.etag if stored else None) != memory.etag:
                break
        if etag is not None:
            return Memory(memory.path, table, etag)
        # Nobody wrote, whatever was said. To give up now would tell everything of this run again.
    raise Stale(memory.path)


async def _write(container: Container, memory: Memory, data: bytes) -> str | None:
    """Write over that version; the new ETag, or None if storage says that it is not the present one."""
    if memory.etag is None:
        return await container.create(memory.path, data, gzip=False)
    try:
        return await container.replace(memory.path, data, memory.etag, gzip=False)
    except Stale:
        return None


def _path(manifest: Manifest) -> str:
    return f"{manifest.tenant_id}/{manifest.epoch}/telling"


def packed(table: Table) -> bytes:
    """The table as it is stored; always the same bytes for the same table."""
    encode = msgspec.json.Encoder().encode
    data = io.BytesIO()
    with gzip.GzipFile(fileobj=data, mode="wb", compresslevel=_GZIP_LEVEL, mtime=0) as lines:
        lines.write(encode(msgspec.structs.replace(table, entries={})) + b"\n")
        for entry in table.entries.values():
            lines.write(encode(entry) + b"\n")
    return data.getvalue()


def unpacked(data: bytes) -> Table:
    """The reverse of `packed`. Raises `msgspec.DecodeError`, or what unpacking raises."""
    decode = msgspec.json.Decoder(Entry).decode
    alike = _Alike()
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as lines:
        table = msgspec.json.decode(lines.readline(), type=Table)
        entries = [alike.shared(decode(line)) for line in lines]
    return msgspec.structs.replace(table, entries={entry.id: entry for entry in entries})


class _Alike:
    """Lets entries share what is equal in them: in a large tenant thousands differ in ids alone, and as they
    are decoded each has a copy of its own of everything."""

    def __init__(self) -> None:
        self._known: dict[Any, Any] = {}

    def shared(self, entry: Entry) -> Entry:
        """An equal entry, the values of which are those of entries before wherever they are equal."""
        keep = self._known.setdefault
        return msgspec.structs.replace(
            entry,
            kind=keep(entry.kind, entry.kind),
            state=keep(entry.state, entry.state),
            fingerprint=keep(entry.fingerprint, entry.fingerprint),
            rule=keep(entry.rule, entry.rule),
            cause=keep(entry.cause, entry.cause),
            edition=keep(entry.edition, entry.edition),
            since=keep(entry.since, entry.since),
            changed_at=keep(entry.changed_at, entry.changed_at),
            told=self._heard(entry.told),
            because=keep(entry.because, entry.because),
        )

    def _heard(self, told: Mapping[str, Heard]) -> Mapping[str, Heard]:
        return cast(Mapping[str, Heard], self._known.setdefault(("told", *told.items()), told))
