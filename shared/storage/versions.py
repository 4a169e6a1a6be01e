"""Of which schema each stored blob is: noted when it is written, held against what this release knows when it
is read. Pure.

The version is blob metadata (`schema`), so it is known before anything is decoded, also of blobs that are no
JSON, and costs nothing a user. A blob without one was written before versions were noted, and is of schema 1.
What others read too carries its version inside, as part of a published form: the journal's lines, snapshots;
so do exceptions and the trend.

Whoever changes what is stored raises its number here, reads what the last number meant, and adds a fixture of
it (`tests/upgrade`).
"""

import re
from collections.abc import Mapping

LABEL = "schema"
"""The name of the metadata."""

KNOWN: Mapping[str, int] = {
    # Container `ledger`: of the tenant, whatever the epoch.
    "ledger/manifest": 1,
    "ledger/release": 1,
    "ledger/subscriptions": 1,
    "ledger/calls": 1,
    # Of one epoch.
    "ledger/*/tenant": 1,
    "ledger/*/users": 1,
    "ledger/*/telling": 1,
    "ledger/*/delta": 1,
    "ledger/*/group-delta": 1,
    "ledger/*/errors": 1,
    "ledger/*/housekeeping": 1,
    "ledger/*/self-look": 1,
    # Container `evidence`.
    "evidence/errors": 1,
    "evidence/groups": 1,
    "evidence/watched": 1,
    "evidence/*/standing": 1,
    "evidence/*/nested": 1,
    "evidence/*/reading": 1,
    "evidence/*/spill": 1,
}
"""The schemas that this release writes. It reads these and every one before."""

INSIDE = frozenset(
    {"ledger/exceptions", "evidence/trend", "evidence/snapshots", "evidence/told", "alerts/*/journal"}
)
"""What carries its version inside. The trail (`told`) carries none: it is for people, and never read back."""

EMPTY = frozenset({"ledger/locks"})
"""Blobs that hold nothing: only their lease counts."""

_EPOCH = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]+")


class NewerSchema(Exception):
    """A newer release has written this: it is not read, and nothing is written over it.

    `path` names it with its container, `found` its schema, `known` the latest that this release reads.
    """

    def __init__(self, path: str, found: int | str, known: int) -> None:
        self.path, self.found, self.known = path, found, known
        super().__init__(
            f"{path} is of schema {found}, this release knows {known}: a newer release has written it. "
            "Nothing was changed. Deploy that release again (docs/runbook.md, Going back)"
        )


def what_is(container: str, name: str) -> str:
    """What a blob is, as `KNOWN`, `INSIDE` and `EMPTY` name it: `ledger/*/users` for any shard of users."""
    parts = name.split("/")
    if len(parts) > 2 and _EPOCH.fullmatch(parts[1]):
        return f"{container}/*/{'journal' if container == 'alerts' else parts[2]}"
    return f"{container}/{parts[1]}" if len(parts) > 1 else f"{container}/{name}"


def labelled(container: str, name: str, metadata: Mapping[str, str] | None) -> dict[str, str]:
    """The metadata to write with a blob: what is given, and the schema where the blob has one."""
    known = KNOWN.get(what_is(container, name))
    return {**(metadata or {})} if known is None else {**(metadata or {}), LABEL: str(known)}


def newer(container: str, name: str, metadata: Mapping[str, str]) -> NewerSchema | None:
    """What speaks against reading this blob; None if nothing does."""
    found = metadata.get(LABEL, "1")
    known = KNOWN.get(what_is(container, name))
    if known is None or (found.isdecimal() and int(found) <= known):
        return None
    return NewerSchema(f"{container}/{name}", found, known)


def expect(path: str, found: int, known: int) -> None:
    """For what carries its version inside. Raises `NewerSchema` for one that this release does not know."""
    if found > known:
        raise NewerSchema(path, found, known)
