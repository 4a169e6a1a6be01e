"""What is remembered of our Graph subscriptions between runs: a blob beside the ledger's epochs."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from shared.graph.subscription_plan import Failed, Reason, Record
from shared.storage import Container
from shared.watch.parts import Watch

OPTIONAL = "groups"
"""The resource whose changes can be had without a subscription, by delta (Group.Read.All is not granted)."""


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """Graph refused what this resource needs, for lack of `permission`.

    `since`: the first time in a row, `tried_at`: the last. `evidence`: how a reading of the same kind of
    objects stood then (`EvidenceStatus`), so that a permission granted meanwhile is noticed.
    """

    permission: str
    since: datetime
    tried_at: datetime
    evidence: str = ""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """Why a subscription could not be had, since when, and whose stand in its way."""

    reason: Reason
    since: datetime
    ids: tuple[str, ...] = ()


class Obeyed(msgspec.Struct, frozen=True, kw_only=True):
    """The last order of a person that was carried out: which, given when, done when."""

    order: str
    at: datetime
    done_at: datetime


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """Our subscriptions, when they were last looked after, and what that run could not do.

    `listed_at`: when Graph's list was last read; `others` are the subscriptions of this app in it that send
    elsewhere. `refused` and `troubles` are by resource; a refusal is in both. `failed`: what Graph
    refused. `caught_up`: when what may have been lost of a resource was last ordered to be read.
    `reauthorize`: ids of subscriptions that Graph asked to have renewed and that could not be yet.
    `left`: since when there shall be none, because a person had them deleted; `records` are then those that
    could not be deleted yet.
    """

    at: datetime
    records: tuple[Record, ...] = ()
    failed: tuple[Failed, ...] = ()
    listed_at: datetime | None = None
    refused: Mapping[str, Refused] = {}
    troubles: Mapping[str, Held] = {}
    others: tuple[str, ...] = ()
    caught_up: Mapping[str, datetime] = {}
    reauthorize: tuple[str, ...] = ()
    left: datetime | None = None
    obeyed: Obeyed | None = None

    def forgoes(self, resource: str) -> bool:
        """Whether the watch does without this subscription, for lack of a permission it can do without."""
        trouble = self.troubles.get(resource)
        return resource == OPTIONAL and trouble is not None and trouble.reason is Reason.PERMISSION

    def alive(self, resource: str, now: datetime) -> bool:
        """Whether notifications of this resource come, as far as is known."""
        return resource not in self.refused and any(
            record.resource == resource and record.expires_at > now for record in self.records
        )


async def recall(watch: Watch) -> Kept | None:
    """What the last run left behind; None before the first."""
    return await read(watch.storage.ledger, watch.settings.tenant_id)


async def read(container: Container, tenant_id: str) -> Kept | None:
    """The same, for whoever has only the container `ledger`."""
    stored = await container.read(_name(tenant_id))
    return msgspec.json.decode(stored.data, type=Kept) if stored else None


async def remember(watch: Watch, kept: Kept) -> None:
    """Replace it; the caller holds the lock of the subscriptions."""
    await watch.storage.ledger.put(_name(watch.settings.tenant_id), msgspec.json.encode(kept))


def _name(tenant_id: str) -> str:
    return f"{tenant_id}/subscriptions"
