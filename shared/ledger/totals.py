"""Sums over users (judgement.md §4, §5): of a shard, and of shards together. Pure."""

import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from shared.model import Because, State, Totals

_SAMPLE = 20
"""Ids named of a number that may be large: the first in order, so that any grouping gives the same."""

KEEP_THEIR_SEATS = ("not-yet-reported", "emergency")
"""Reasons to be out of reach that say nothing of a need: of newcomers, and of emergency accounts."""


class Answered(Protocol):
    """Of `Part` what is counted."""

    @property
    def answer(self) -> str: ...


class CountedVerdict(Protocol):
    """Of a verdict what is counted."""

    @property
    def state(self) -> State: ...
    @property
    def reach(self) -> str: ...
    @property
    def writeback(self) -> Answered: ...
    @property
    def because(self) -> Sequence[Because]: ...


class Counted(Protocol):
    """Of a user's record what is counted: a `UserRecord` is one, and so is whatever was read of it leanly."""

    @property
    def id(self) -> str: ...
    @property
    def verdict(self) -> CountedVerdict: ...
    @property
    def synced(self) -> bool: ...
    @property
    def location(self) -> bool: ...
    @property
    def skus(self) -> Sequence[str]: ...
    @property
    def others(self) -> Mapping[str, State]: ...
    @property
    def scope_mismatch(self) -> bool: ...
    @property
    def gone_at(self) -> datetime | None: ...


def totals_of(records: Iterable[Counted]) -> Totals:
    """The sums over these users, tombstones left out.

    `hanging` counts a user once for each finding of the tenant it awaits.
    """
    users = in_reach = synced_in_reach = no_location = need_p1 = need_cloud = mismatch = 0
    states: Counter[str] = Counter()
    hanging: Counter[str] = Counter()
    differing: Counter[str] = Counter()
    holders: dict[str, list[str]] = {}
    for record in records:
        if record.gone_at:
            continue
        verdict = record.verdict
        users += 1
        mismatch += record.scope_mismatch
        states[verdict.state] += 1
        for edition, state in record.others.items():
            if state != verdict.state:
                differing[edition] += 1
        if verdict.because:
            hanging.update({_key(one.kind, one.about) for one in verdict.because if not one.subject})
        if verdict.state is State.NOT_IN_REACH:
            if verdict.reach not in KEEP_THEIR_SEATS:
                for sku_id in record.skus:
                    holders.setdefault(sku_id, []).append(record.id)
            continue
        in_reach += 1
        synced_in_reach += record.synced
        no_location += not record.location
        need = need_of(verdict)
        need_p1 += need == "p1"
        need_cloud += need == "cloud"
    return Totals(
        users=users,
        in_reach=in_reach,
        synced_in_reach=synced_in_reach,
        no_location=no_location,
        states=dict(states),
        hanging=dict(hanging),
        differing=dict(differing),
        need_p1=need_p1,
        need_cloud=need_cloud,
        scope_mismatch=mismatch,
        reclaimable={sku_id: len(ids) for sku_id, ids in holders.items()},
        reclaimable_sample={sku_id: tuple(sorted(ids)[:_SAMPLE]) for sku_id, ids in holders.items()},
    )


def _key(kind: str, about: str) -> str:
    return f"{kind}|{about}" if about else kind


def need_of(verdict: CountedVerdict) -> str:
    """What would cover the user, `p1` or `cloud`, empty where nothing is lacking.

    A cloud level is not enough where the password is written back.
    """
    state = verdict.state
    if state is State.WRITEBACK_UNCOVERED:
        return "p1"
    if state is State.UNCOVERED:
        return "cloud" if verdict.writeback.answer == "not-asked" else "p1"
    return ""


def add(one: Totals, other: Totals) -> Totals:
    """The sums over the users of both; they must have none in common."""
    return Totals(
        users=one.users + other.users,
        in_reach=one.in_reach + other.in_reach,
        synced_in_reach=one.synced_in_reach + other.synced_in_reach,
        no_location=one.no_location + other.no_location,
        states=_sum(one.states, other.states),
        hanging=_sum(one.hanging, other.hanging),
        differing=_sum(one.differing, other.differing),
        need_p1=one.need_p1 + other.need_p1,
        need_cloud=one.need_cloud + other.need_cloud,
        scope_mismatch=one.scope_mismatch + other.scope_mismatch,
        reclaimable=_sum(one.reclaimable, other.reclaimable),
        reclaimable_sample=_join(one.reclaimable_sample, other.reclaimable_sample),
    )


def packed(totals: Totals) -> bytes:
    """For keeping many of them: a third of the memory."""
    return zlib.compress(msgspec.json.encode(totals), level=1)


def unpacked(data: bytes) -> Totals:
    """The reverse of `packed`."""
    return msgspec.json.decode(zlib.decompress(data), type=Totals)


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {key: one.get(key, 0) + other.get(key, 0) for key in sorted({*one, *other})}


def _join(
    one: Mapping[str, tuple[str, ...]], other: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    return {
        key: tuple(sorted({*one.get(key, ()), *other.get(key, ())})[:_SAMPLE])
        for key in sorted({*one, *other})
    }
