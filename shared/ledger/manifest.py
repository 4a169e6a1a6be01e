"""Where everything lies: the manifest, which is written once, and the names of blobs (design §4.3, §4.4)."""

import secrets
from datetime import datetime

from shared.guids import as_guid
from shared.ledger.records import Manifest

USERS_PER_SHARD = 2000
"""A shard is read and written whole: about 150 KB packed, some 20 ms of work."""

TENANT = "tenant"
"""The name of the tenant's book; every other book is a shard of users."""

_NOBODY = "none"


class LedgerMissing(Exception):
    """Something asked for a ledger that was never begun. The first reading of the tenant begins it."""

    def __init__(self, tenant_id: str) -> None:
        super().__init__(f"tenant {tenant_id} has no ledger yet: the first reading of its users begins it")


def shards_for(users: int) -> int:
    """How many shards a tenant of so many users gets: a power of two, at least one."""
    needed = -(-users // USERS_PER_SHARD)
    return 1 << max(0, needed - 1).bit_length()


def begin(tenant_id: str, users: int, at: datetime) -> Manifest:
    """A manifest for a new ledger; its epoch is unique even among several begun in one second."""
    epoch = f"{at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    return Manifest(tenant_id=tenant_id, epoch=epoch, shards=shards_for(users), created_at=at)


def manifest_path(tenant_id: str) -> str:
    """The manifest's blob in container `ledger`."""
    return f"{tenant_id}/manifest"


def members_root(tenant_id: str) -> str:
    """What the names of all these blobs begin with."""
    return f"{tenant_id}/groups/"


def members_path(tenant_id: str, group_id: str) -> str:
    """The blob in container `evidence` with the ids of a licensing group's members, as last read.

    No blob is named after anything but a GUID, and of anything else there is none.
    """
    return f"{members_root(tenant_id)}{as_guid(group_id) or _NOBODY}"


def watched_path(tenant_id: str, group_id: str) -> str:
    """The blob in container `evidence` with the ids of all users in a group that an exception or a route
    names, directly or through other groups, as last read: in the form of `shared/ledger/members.py`.

    Exceptions are written by people: of an id that is no GUID there is no such blob, wherever it points to.
    """
    return f"{tenant_id}/watched/{as_guid(group_id) or _NOBODY}"


def exceptions_path(tenant_id: str) -> str:
    """The blob in container `ledger` with the tenant's exceptions; it belongs to no epoch."""
    return f"{tenant_id}/exceptions"


def release_path(tenant_id: str) -> str:
    """The blob in container `ledger` with the last order to release what the brake holds."""
    return f"{tenant_id}/release"


def trail_path(tenant_id: str, at: datetime) -> str:
    """The blob in container `evidence` with what a run of the notifier told and did not, by time."""
    return f"{tenant_id}/told/{at:%Y-%m-%d}/{at:%H%M%S.%f}.ndjson"


def lock_path(tenant_id: str, name: str) -> str:
    """The blob in container `ledger` whose lease is the lock of that name."""
    return f"{tenant_id}/locks/{name}"


class Paths:
    """Blob names of one epoch: `books` in container `ledger`, `journal` in container `alerts`.

    `books` begins the names of all books, `users` those of the shards.
    """

    def __init__(self, manifest: Manifest) -> None:
        self.books = f"{manifest.tenant_id}/{manifest.epoch}/"
        self.users = f"{self.books}users/"

    def book(self, name: str) -> str:
        """The blob of a book."""
        return f"{self.books}{TENANT}" if name == TENANT else f"{self.users}{name}"

    def name(self, path: str) -> str:
        """The book of a blob: the reverse of `book`."""
        return path.rpartition("/")[2]

    def journal(self, name: str, seq: int) -> str:
        """The journal blob with that number; ten digits, so that names sort as numbers do."""
        return f"{self.books}{name}/{seq:010d}.ndjson"
