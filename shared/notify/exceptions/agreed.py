"""The exceptions of a tenant in storage, and the order to release what the brake holds.

One small blob each in container `ledger`, beside the epochs: a new epoch forgets no agreement. The exceptions
are written by ETag only, so of two administrators at once none undoes what the other did. What can't be read
is an error and never an empty list, which would tell everybody of everything that was excepted.
"""

import asyncio
import random
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from shared.ledger.manifest import exceptions_path, release_path
from shared.model import Facts
from shared.notify.exceptions.exemptions import Exemption
from shared.notify.exceptions.proposals import Fault, Proposal, covers, faults_of_all, tidy
from shared.rules.kinds import KindRow
from shared.storage import Container, Stale, versions

SCHEMA = 1
KEPT_FOR = timedelta(days=366)
"""So long after its end an exception can still be seen: why was this not told?"""

_ATTEMPTS = 40
_FIRST_WAIT, _LONGEST_WAIT = 0.02, 1.0
"""Seconds; waits spread writers out."""


class AgreedUnreadable(Exception):
    """A blob is not what the watch writes. `path` names it, `reason` the place in it, never a value."""

    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"blob {path} can't be read: {reason}")


class AgreedContended(Exception):
    """The exceptions could not be written: others kept writing them. Nothing was changed; try later."""

    def __init__(self) -> None:
        super().__init__(f"the exceptions were changed by others {_ATTEMPTS} times in a row")


class Refused(Exception):
    """Nothing was written. `faults`: for each of the proposals what speaks against it, in order."""

    def __init__(self, faults: tuple[tuple[Fault, ...], ...]) -> None:
        self.faults = faults
        codes = sorted({fault.code for one in faults for fault in one})
        super().__init__(f"refused: {', '.join(codes)}")


class ReleaseOrder(Facts, frozen=True):
    """What the brake holds is to be told, as one card, or with `discard` not at all. `by`: who says so."""

    at: datetime
    by: str
    discard: bool = False


class _File(msgspec.Struct, frozen=True):
    schema: int
    exceptions: tuple[Exemption, ...] = ()


class _Schema(msgspec.Struct, frozen=True):
    schema: int


class Agreed(msgspec.Struct, frozen=True):
    """What was written: the new exception, and the ids of those in force that it replaces, ending later."""

    exemption: Exemption
    replaces: tuple[str, ...] = ()


async def recall(container: Container, tenant_id: str) -> tuple[Exemption, ...]:
    """All exceptions that were agreed, also those that ended within a year; in order of agreeing.

    Raises `AgreedUnreadable`, and what storage raises.
    """
    return (await _read(container, tenant_id))[0]


async def add(
    container: Container,
    tenant_id: str,
    proposals: Sequence[Proposal],
    kinds: Mapping[str, KindRow],
    now: datetime,
) -> tuple[Agreed, ...]:
    """Agree these, all or none; `kinds`: the rows of the rules. Returned in order.

    One that names what another in force names, and ends later, replaces it. Raises `Refused` with every
    fault, `AgreedUnreadable`, `AgreedContended`, and what storage raises.
    """
    proposals = [tidy(one) for one in proposals]
    ids = [f"e-{secrets.token_hex(4)}" for _ in proposals]
    made: tuple[Agreed, ...] = ()

    def change(before: tuple[Exemption, ...]) -> tuple[Exemption, ...]:
        nonlocal made
        faults = faults_of_all(proposals, before, kinds, now)
        if any(faults):
            raise Refused(faults)
        made = tuple(_agreed(one, key, before, now) for one, key in zip(proposals, ids, strict=True))
        ended = {key for one in made for key in one.replaces}
        kept = (msgspec.structs.replace(one, ended_at=now) if one.id in ended else one for one in before)
        return (*kept, *(one.exemption for one in made))

    await _write(container, tenant_id, change, now, frozenset(ids))
    return made


async def end(container: Container, tenant_id: str, exemption_id: str, now: datetime) -> Exemption:
    """End an exception at once; as it is then.

    Raises `Refused` (one proposal's faults) where there is none of that id, or where it has ended; otherwise
    as `add`.
    """
    ended: Exemption | None = None

    def change(before: tuple[Exemption, ...]) -> tuple[Exemption, ...]:
        nonlocal ended
        found = next((one for one in before if one.id == exemption_id), None)
        if found is None:
            raise Refused(((Fault("no-such-exception", {"id": exemption_id}),),))
        if found.ended_at == now:
            # Our write was in, though its answer was lost.
            ended = found
            return before
        if not found.holds(now):
            values = {"id": exemption_id, "until": found.end.date().isoformat()}
            raise Refused(((Fault("ended-already", values),),))
        ended = msgspec.structs.replace(found, ended_at=now)
        return tuple(ended if one is found else one for one in before)

    await _write(container, tenant_id, change, now)
    if ended is None:
        raise AgreedContended
    return ended


async def about(container: Container, tenant_id: str, user_id: str) -> tuple[Exemption, ...]:
    """The exceptions that name this user, also those that ended. Raises as `recall`."""
    return tuple(one for one in await recall(container, tenant_id) if one.subject_id == user_id)


async def forget(container: Container, tenant_id: str, user_id: str, now: datetime) -> None:
    """Take out every exception that names this user, as if it had never been agreed. Raises as `add`."""

    def change(before: tuple[Exemption, ...]) -> tuple[Exemption, ...]:
        after = tuple(one for one in before if one.subject_id != user_id)
        return after if len(after) < len(before) else before

    await _write(container, tenant_id, change, now)


async def recall_release(container: Container, tenant_id: str) -> ReleaseOrder | None:
    """The last order; None if none was ever given. Raises `AgreedUnreadable`, and what storage raises."""
    path = release_path(tenant_id)
    stored = await container.read(path)
    if stored is None:
        return None
    try:
        order = msgspec.json.decode(stored.data, type=ReleaseOrder)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise AgreedUnreadable(path, str(fault)) from None
    if order.at.tzinfo is None:
        raise AgreedUnreadable(path, "a time without its offset - at `$.at`")
    return order


async def order_release(container: Container, tenant_id: str, order: ReleaseOrder) -> None:
    """Give the order; the last one counts."""
    await container.put(release_path(tenant_id), msgspec.json.encode(order))


def _agreed(proposal: Proposal, key: str, before: Sequence[Exemption], now: datetime) -> Agreed:
    if proposal.until is None:
        raise ValueError("a proposal without an end was not refused")
    exemption = Exemption(
        id=key,
        owner=proposal.owner,
        reason=proposal.reason,
        until=proposal.until,
        created_at=now,
        kind=proposal.kind,
        subject_type=proposal.subject_type,
        subject_id=proposal.subject_id,
    )
    return Agreed(
        exemption, tuple(one.id for one in before if covers(one) == proposal.covers and one.holds(now))
    )


async def _read(container: Container, tenant_id: str) -> tuple[tuple[Exemption, ...], str | None]:
    path = exceptions_path(tenant_id)
    stored = await container.read(path)
    if stored is None:
        return (), None
    try:
        schema = msgspec.json.decode(stored.data, type=_Schema).schema
        if schema != SCHEMA:
            versions.expect(f"ledger/{path}", schema, SCHEMA)
            raise AgreedUnreadable(path, f"there was no schema {schema} - at `$.schema`")
        found = msgspec.json.decode(stored.data, type=_File).exceptions
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise AgreedUnreadable(path, str(fault)) from None
    for number, one in enumerate(found):
        if any(at is not None and at.tzinfo is None for at in (one.until, one.created_at, one.ended_at)):
            raise AgreedUnreadable(path, f"a time without its offset - at `$.exceptions[{number}]`")
    return found, stored.etag


async def _write(
    container: Container,
    tenant_id: str,
    change: Callable[[tuple[Exemption, ...]], tuple[Exemption, ...]],
    now: datetime,
    ids: frozenset[str] = frozenset(),
) -> None:
    """Write what `change` makes of the exceptions, anew whenever somebody else was faster.

    `ids`: what it adds; found in place, the write was ours and only its answer was lost.
    """
    path, spread = exceptions_path(tenant_id), random.SystemRandom()
    for attempt in range(_ATTEMPTS):
        before, etag = await _read(container, tenant_id)
        if ids and ids <= {one.id for one in before}:
            return
        after = change(before)
        if after is before:
            return
        kept = tuple(one for one in after if now - one.end <= KEPT_FOR)
        data = msgspec.json.encode(_File(schema=SCHEMA, exceptions=kept))
        try:
            if etag is not None:
                await container.replace(path, data, etag)
                return
            if await container.create(path, data) is not None:
                return
        except Stale:
            pass
        longest = min(_LONGEST_WAIT, _FIRST_WAIT * 2**attempt)
        await asyncio.sleep(spread.uniform(0, longest))
    raise AgreedContended
