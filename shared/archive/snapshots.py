"""Snapshots in storage: one a reading of all users, in parts, complete when its index is there.

`<tenant>/snapshots/<day>/<reading>/<bucket>.ndjson.gz`, and beside them `index`, written last. The day is
that on which the reading began (UTC). A part, once written, is never written over, but by `erasing`. A
snapshot without its index does not exist for readers. Parts are sections of `shared/snapshot`: joined end to
end, one file.
"""

from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import date, datetime
from io import BytesIO

import msgspec

from shared.model import Facts
from shared.snapshot.digest import summed
from shared.snapshot.file import SUFFIX, SnapshotUnreadable, expect_schema, read, schema_of
from shared.snapshot.lines import End, Line
from shared.storage import Container, Listed

INDEX = "index"
LATEST = "latest"
"""Names the snapshot that was taken last, where a day would stand."""


class Part(Facts, frozen=True):
    """One part: its name without the folder, how many users and sections it has, its size in bytes packed,
    and the digest of its verdicts. `key_check`: see `Head`."""

    name: str
    users: int
    sections: int
    size: int
    verdicts: str
    key_check: str = ""


class Index(Facts, frozen=True):
    """A whole snapshot: the reading that made it, when that began and ended, and its parts in order.

    `edition`: the governing one. `key_check`: see `Head`; empty where nothing is pseudonymised.
    """

    schema: int
    reading: str
    taken_at: datetime
    ended_at: datetime
    edition: str
    parts: tuple[Part, ...]
    key_check: str = ""

    @property
    def users(self) -> int:
        """How many there are in it."""
        return sum(part.users for part in self.parts)

    @property
    def verdicts(self) -> str:
        """The digest of all verdicts."""
        return summed(part.verdicts for part in self.parts)


class Stored(Facts, frozen=True):
    """A complete snapshot as listed. `size`: bytes packed."""

    day: date
    reading: str
    taken_at: datetime
    users: int
    size: int
    edition: str
    key_check: str = ""


class NoSnapshot(LookupError):
    """No complete snapshot is of that day. `days`: those that there are, the oldest first."""

    def __init__(self, wanted: str, days: Iterable[date]) -> None:
        self.wanted, self.days = wanted, tuple(dict.fromkeys(days))
        super().__init__(f"no snapshot of {wanted}")


def root(tenant_id: str) -> str:
    """What the names of all of a tenant's snapshots begin with."""
    return f"{tenant_id}/snapshots/"


def folder(tenant_id: str, taken_at: datetime, reading: str) -> str:
    """What the names of one snapshot's blobs begin with."""
    return f"{root(tenant_id)}{taken_at:%Y-%m-%d}/{reading}/"


def day_of(text: str) -> date | None:
    """The day that a folder is named after; None for a folder of somebody else's."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def part_name(bucket: int) -> str:
    """A part, by the bucket of ledger shards that it holds."""
    return f"{bucket:04x}{SUFFIX}"


async def write_part(container: Container, place: str, part: Part, data: bytes) -> bool:
    """Keep a part; says whether it was written now. One that is there stays as it is."""
    about = {
        "users": str(part.users),
        "sections": str(part.sections),
        "verdicts": part.verdicts,
        "size": str(part.size),
        **_key(part.key_check),
    }
    return await container.create(f"{place}{part.name}", data, about, gzip=False) is not None


async def parts(container: Container, place: str) -> tuple[Part, ...]:
    """The parts that are there, in order of buckets."""
    return tuple(
        [_part(listed, place) async for listed in container.names(place) if listed.name != f"{place}{INDEX}"]
    )


def _key(check: str) -> dict[str, str]:
    # Storage takes no empty value.
    return {"key_check": check} if check else {}


def _part(listed: Listed, place: str) -> Part:
    about = listed.metadata
    return Part(
        name=listed.name.removeprefix(place),
        users=int(about["users"]),
        sections=int(about["sections"]),
        size=int(about["size"]),
        verdicts=about["verdicts"],
        key_check=about.get("key_check", ""),
    )


async def complete(container: Container, place: str, index: Index) -> bool:
    """Write the index: from now on the snapshot is there. Says whether it was written now."""
    about = {
        "taken_at": index.taken_at.isoformat(),
        "users": str(index.users),
        "size": str(sum(part.size for part in index.parts)),
        "edition": index.edition,
        **_key(index.key_check),
    }
    return await container.create(f"{place}{INDEX}", msgspec.json.encode(index), about) is not None


async def stored(container: Container, tenant_id: str) -> list[Stored]:
    """Every complete snapshot of the tenant, the oldest first.

    Asks for listings only, unless the account was copied by something that leaves metadata behind: then for
    each index that lost its own. Raises `SnapshotUnreadable` where one of those is none.
    """
    start = root(tenant_id)
    found = []
    async for listed in container.names(start):
        day, _, rest = listed.name.removeprefix(start).partition("/")
        reading, _, name = rest.partition("/")
        began = day_of(day)
        if name == INDEX and began is not None:
            one = _listed(listed, began, reading)
            found.append(one or await _as_its_index_says(container, listed.name, began))
    return sorted(found, key=lambda one: (one.taken_at, one.reading))


def _listed(listed: Listed, day: date, reading: str) -> Stored | None:
    about = listed.metadata
    try:
        return Stored(
            day=day,
            reading=reading,
            taken_at=datetime.fromisoformat(about["taken_at"]),
            users=int(about["users"]),
            size=int(about["size"]),
            edition=about["edition"],
            key_check=about.get("key_check", ""),
        )
    except (KeyError, ValueError):
        return None


async def _as_its_index_says(container: Container, name: str, day: date) -> Stored:
    index = await _index(container, name)
    return Stored(
        day=day,
        reading=index.reading,
        taken_at=index.taken_at,
        users=index.users,
        size=sum(part.size for part in index.parts),
        edition=index.edition,
        key_check=index.key_check,
    )


async def find(container: Container, tenant_id: str, wanted: str) -> Stored:
    """The last snapshot of a day such as `2026-11-23`; of `latest`, the last of all.

    `2026-11-23/<reading>` names one of several of a day, by the beginning of its id. Raises `NoSnapshot`.
    """
    there = await stored(container, tenant_id)
    day, _, reading = wanted.partition("/")
    fits = [one for one in there if day in (LATEST, one.day.isoformat()) and one.reading.startswith(reading)]
    if not fits:
        raise NoSnapshot(wanted, (one.day for one in there))
    return fits[-1]


async def index_of(container: Container, tenant_id: str, one: Stored) -> Index:
    """The index of a snapshot that was listed. Raises `SnapshotUnreadable` if it is none, or is gone."""
    return await _index(container, f"{folder(tenant_id, one.taken_at, one.reading)}{INDEX}")


async def _index(container: Container, name: str) -> Index:
    found = await container.read(name)
    if found is None:
        raise SnapshotUnreadable(0, "deleted", "it was deleted meanwhile")
    expect_schema(schema_of(found.data), 0)
    try:
        return msgspec.json.decode(found.data, type=Index)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise SnapshotUnreadable(0, "no-index", "its index is not one") from None


class Kept(Facts, frozen=True):
    """A part as it was read: `data` is packed. Parts joined end to end are one file."""

    part: Part
    data: bytes

    def lines(self) -> Iterator[Line]:
        """Its lines. Raises `SnapshotUnreadable`, at the end also if it is not the part that was written."""
        ends: list[End] = []
        for line in read(BytesIO(self.data)):
            if isinstance(line, End):
                ends.append(line)
            yield line
        if summed(end.verdicts for end in ends) != self.part.verdicts:
            raise SnapshotUnreadable(
                0,
                "other-part",
                f"its part {self.part.name} is not the one that was written",
                part=self.part.name,
            )


async def parts_of(container: Container, tenant_id: str, one: Stored) -> AsyncIterator[Kept]:
    """The parts of a snapshot that hold users, in order.

    One at a time: some 3 MB, whatever the size of the tenant. Raises `SnapshotUnreadable` where one is gone.
    """
    place = folder(tenant_id, one.taken_at, one.reading)
    for part in (await index_of(container, tenant_id, one)).parts:
        if not part.users:
            continue
        found = await container.read(f"{place}{part.name}")
        if found is None:
            raise SnapshotUnreadable(0, "part-gone", f"its part {part.name} is gone", part=part.name)
        yield Kept(part=part, data=found.data)


async def open_stored(container: Container, tenant_id: str, one: Stored) -> AsyncIterator[Iterator[Line]]:
    """The lines of a snapshot, part by part: each is whole sections, as `snapshot.judging` takes them.

    Raises `SnapshotUnreadable`, also while a part's lines are taken.
    """
    async for kept in parts_of(container, tenant_id, one):
        yield kept.lines()
