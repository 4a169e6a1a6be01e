"""The first phase of a reading: pages of the report, of the groups' members, of the audit log (design §4.6).

A piece is read whole or not at all: if one of its pages can't be had, only its evidence says so, and nothing
of it is taken into the index (judgement.md §4, evidence ages before it is missing).
"""

import logging
from datetime import datetime, timedelta

import msgspec

from shared.graph.audits import ALSO_NEEDS as AUDIT_ALSO_NEEDS
from shared.graph.audits import use_page
from shared.graph.errors import Gone410, GraphError, Throttled, Unavailable
from shared.graph.evidence import after_attempt
from shared.graph.groups import transitive_member_page
from shared.graph.registration import registration_page
from shared.ledger.shards import shard_names
from shared.model import Evidence, EvidenceStatus, TenantFacts
from shared.storage import Lease
from shared.watch.fault_codes import EMPTY
from shared.watch.parts import Watch
from shared.watch.reach.registration_rows import ForEmergency, InScope, Row, Used, put_aside, reported
from shared.watch.reach.registration_state import AUDIT, REPORT, SCOPE, Reading, Source, still_ours
from shared.watch.users.spill import Page, Spill

log = logging.getLogger("watch.registration")

PAGES_A_STEP = 20
"""Forty seconds at the pace of the reports: five requests in ten."""

STEP_AT_MOST = timedelta(minutes=2)
"""After that a step ends with the page it is at: the host ends an invocation after ten minutes."""

_TRIES = 3
_TRY_AGAIN_AFTER = 60.0
_AT_LEAST = 1.0
_GIVE_UP_AFTER = timedelta(hours=24)
"""A reading that Graph has put off for a day ends as a failed one; the next begins anew."""


class Got(msgspec.Struct, frozen=True):
    """One page: its rows, the groups found among a group's members, where it goes on."""

    rows: list[Row]
    next_link: str | None
    asked_at: datetime
    groups: tuple[str, ...] = ()


async def read_on(watch: Watch, reading: Reading, facts: TenantFacts, lease: Lease) -> tuple[Reading, float]:
    """Read up to 20 pages and put their rows aside; the reading as it then stands, and seconds to wait.

    Raises `Busy` where the lease was lost meanwhile.
    """
    # Before anything is dropped: what lies there may be of a reading that another worker has begun.
    still_ours(lease)
    spill = Spill(watch.storage, watch.manifest, "standing", reading.spill)
    if reading.piece_began_at is None and reading.place == 0:
        await spill.drop_others()
    pages: list[Page] = []
    now, delay = reading, 0.0
    began = watch.now()
    while now.source is not None and len(pages) < PAGES_A_STEP and not delay:
        source, asked_at = now.source, watch.now()
        if pages and asked_at - began >= STEP_AT_MOST:
            break
        begun = msgspec.structs.replace(now, piece_began_at=now.piece_began_at or asked_at)
        try:
            page = await _page(watch, source, now)
            await _refuse_empty(watch, source, now, page)
        except GraphError as problem:
            now, delay = _after(watch, begun, source, problem, facts)
            if now.restarts > reading.restarts:
                return now, delay
        else:
            pages.append((page.asked_at, put_aside(page.rows)))
            now = _advanced(begun, source, page)
    still_ours(lease)
    if pages:
        await spill.write(f"{reading.step:06d}", pages)
    return now, delay


async def _page(watch: Watch, source: Source, reading: Reading) -> Got:
    link = reading.link or None
    rows: list[Row]
    if source.piece == REPORT:
        report = await registration_page(watch.graph, link)
        return Got([reported(row) for row in report.rows], report.next_link, report.asked_at)
    if source.piece == AUDIT:
        uses = await use_page(watch.graph, reading.audit_since, link)
        return Got([Used(one.user_id, one.at) for one in uses.uses], uses.next_link, uses.asked_at)
    members = await transitive_member_page(watch.graph, source.group, link)
    kind = InScope if source.piece == SCOPE else ForEmergency
    rows = [kind(user_id) for user_id in members.users]
    return Got(rows, members.next_link, members.asked_at, tuple(members.groups))


async def _refuse_empty(watch: Watch, source: Source, reading: Reading, page: Got) -> None:
    """Raise `Unavailable` where the report ends without any row and the index has some.

    Taken as the truth it would take everybody out of reach at once, administrators among them; a tenant that
    the watch can read has users.
    """
    if source.piece != REPORT or page.next_link or page.rows or reading.rows.get(REPORT):
        return
    for name in shard_names(watch.manifest.shards):
        rows = await watch.standings.read(watch.manifest.epoch, name)
        if any(row.registration for row in rows.values()):
            raise Unavailable(200, code=EMPTY)


def _advanced(reading: Reading, source: Source, page: Got) -> Reading:
    """The reading after that page; the piece has ended well with the last page of its last source."""
    nested = reading.nested
    if source.group:
        known = {*nested.get(source.group, ()), *page.groups}
        nested = {**nested, source.group: tuple(sorted(known))}
    rows = {**reading.rows, source.piece: reading.rows.get(source.piece, 0) + len(page.rows)}
    reading = msgspec.structs.replace(reading, link=page.next_link or "", tries=0, nested=nested, rows=rows)
    if page.next_link:
        return reading
    reading = msgspec.structs.replace(reading, place=reading.place + 1)
    following = reading.source
    if following is not None and following.piece == source.piece:
        return reading
    began = reading.piece_began_at or page.asked_at
    ended = after_attempt(source.piece, Evidence(), None, began)
    outcomes = {**reading.outcomes, source.piece: ended}
    return msgspec.structs.replace(reading, outcomes=outcomes, piece_began_at=None)


def _after(
    watch: Watch, reading: Reading, source: Source, problem: GraphError, facts: TenantFacts
) -> tuple[Reading, float]:
    """The reading after a page that could not be had: it waits, begins anew, or goes on without the piece."""
    now = watch.now()
    if now - reading.began_at < _GIVE_UP_AFTER:
        if isinstance(problem, Throttled):
            return reading, max(_AT_LEAST, problem.retry_after)
        # An answer that was read and makes no sense will make none in a minute either.
        if isinstance(problem, Unavailable) and problem.status != 200 and reading.tries + 1 < _TRIES:
            return msgspec.structs.replace(reading, tries=reading.tries + 1), _TRY_AGAIN_AFTER
        if isinstance(problem, Gone410) and reading.restarts == 0:
            log.warning("Graph has forgotten a page of %s: the reading starts again", source.piece)
            return _restarted(reading), 0.0
    log.warning("%s could not be read: %s", source.piece, problem)
    began = reading.piece_began_at or now
    failed = after_attempt(source.piece, facts.evidence_of(source.piece), problem, began)
    report = reading.outcomes.get(REPORT, facts.evidence_of(REPORT))
    if source.piece == AUDIT and failed.permission and report.status is EvidenceStatus.OK:
        # The report shows that the one permission is there, so it is the other that is missing.
        failed = msgspec.structs.replace(failed, permission=AUDIT_ALSO_NEEDS)
    place = reading.place
    while place < len(reading.sources) and reading.sources[place].piece == source.piece:
        place += 1
    outcomes = {**reading.outcomes, source.piece: failed}
    return (
        msgspec.structs.replace(
            reading, place=place, link="", tries=0, piece_began_at=None, outcomes=outcomes
        ),
        0.0,
    )


def _restarted(reading: Reading) -> Reading:
    """The same reading from its first page on; what was put aside so far is left to be dropped."""
    return msgspec.structs.replace(
        reading,
        restarts=reading.restarts + 1,
        place=0,
        link="",
        tries=0,
        piece_began_at=None,
        outcomes={},
        rows={},
        nested={},
    )
