"""Taking one person's names out of the snapshots that are kept; the object id and the verdicts stay.

Verdicts are given by what people hold, not by what they are called, so a snapshot still proves itself: its
digest is over ids and verdicts. Parts that have pseudonyms hold no name to take out.
"""

import gzip
from collections.abc import AsyncIterator

import msgspec

from shared.archive.snapshots import root
from shared.model import User
from shared.snapshot.file import SUFFIX
from shared.snapshot.lines import Line, Reading
from shared.storage import Container
from shared.storage import Stored as Blob

ERASED = "erased"
"""What stands where a name was."""

_LEVEL = 5
_decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)


class Naming(msgspec.Struct, frozen=True):
    """A part that still names the person: its blob, the day of its snapshot, and what takes its place."""

    name: str
    day: str
    blob: Blob
    nameless: bytes


async def parts_naming(container: Container, tenant_id: str, user_id: str) -> AsyncIterator[Naming]:
    """Every part of every snapshot, whole ones or not, that names this user. Nothing is changed."""
    start = root(tenant_id)
    async for listed in container.names(start):
        if not listed.name.endswith(SUFFIX) or listed.metadata.get("key_check"):
            continue
        blob = await container.read(listed.name)
        nameless = without_names(blob.data, user_id) if blob else None
        if blob and nameless is not None:
            day = listed.name.removeprefix(start).partition("/")[0]
            yield Naming(listed.name, day, blob, nameless)


async def rewrite(container: Container, part: Naming) -> None:
    """Put the nameless part in its place. Raises `Stale` if it changed since, and what storage raises."""
    await container.replace(part.name, part.nameless, part.blob.etag, part.blob.metadata, gzip=False)


def without_names(packed: bytes, user_id: str) -> bytes | None:
    """The part with this user's names taken out; None where there are none to take out."""
    text = gzip.decompress(packed)
    mark = user_id.encode()
    if mark not in text:
        return None
    lines = text.splitlines(keepends=True)
    changed = False
    for number, line in enumerate(lines):
        if mark not in line:
            continue
        found = _decoder.decode(line)
        if isinstance(found, Reading) and found.user.id == user_id:
            after = msgspec.structs.replace(found, user=nameless(found.user))
            if after != found:
                lines[number] = msgspec.json.encode(after) + b"\n"
                changed = True
    return gzip.compress(b"".join(lines), _LEVEL, mtime=0) if changed else None


def nameless(user: User) -> User:
    """The user without what people chose for a name; who issued an identity stays, for reach rests on it."""
    domain = (user.user_principal_name or "").rpartition("@")[2]
    identities = tuple(
        msgspec.structs.replace(one, issuer_assigned_id=None if one.issuer_assigned_id is None else ERASED)
        for one in user.identities
    )
    return msgspec.structs.replace(
        user,
        user_principal_name=f"{ERASED}@{domain}" if user.user_principal_name else user.user_principal_name,
        display_name=ERASED if user.display_name else user.display_name,
        identities=identities,
    )
