"""Users' records read leanly: only what a report needs is decoded, and tombstones are passed over."""

from collections.abc import Iterator, Mapping
from datetime import datetime

import msgspec

from shared.ledger.shards import LedgerUnreadable
from shared.model import Because, Severity, State, Step


class LeanPart(msgspec.Struct, frozen=True, gc=False):
    """See `Part`."""

    answer: str


class LeanVerdict(msgspec.Struct, frozen=True, gc=False):
    """See `Verdict`."""

    state: State
    rule: str
    cause: str
    reach: str
    reset: LeanPart
    writeback: LeanPart
    because: tuple[Because, ...] = ()


class LeanFinding(msgspec.Struct, frozen=True, gc=False):
    """See `Finding`."""

    kind: str
    severity: Severity
    rule: str = ""
    cause: str = ""
    remedy: tuple[Step, ...] = ()


class LeanOpen(msgspec.Struct, frozen=True, gc=False):
    """See `OpenFinding`."""

    finding: LeanFinding
    opened_at: datetime


class LeanUser(msgspec.Struct, frozen=True, gc=False):
    """See `UserRecord`."""

    id: str
    verdict: LeanVerdict
    upn: str = ""
    name: str = ""
    synced: bool = False
    location: bool = True
    skus: tuple[str, ...] = ()
    others: Mapping[str, State] = {}
    scope_mismatch: bool = False
    open: Mapping[str, LeanOpen] = {}
    gone_at: datetime | None = None


class _Shard(msgspec.Struct, frozen=True, gc=False):
    users: dict[str, LeanUser] = {}


_decoder = msgspec.json.Decoder(_Shard)


def users_of(data: bytes, path: str) -> Iterator[LeanUser]:
    """The users who are there, of a shard's blob. Raises `LedgerUnreadable`."""
    try:
        users = _decoder.decode(data).users
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LedgerUnreadable(path, str(error)) from None
    return (user for user in users.values() if user.gone_at is None)
