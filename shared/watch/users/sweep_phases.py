"""The two halves of a reading of all users: pages put aside, then judged by ledger shard (design §4.6).

Pages come in Graph's order, so the first half only looks for each row's id and puts the row, as it came, to
those of its shard. The second reads facts and standings once a shard, judges and commits it whole.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from itertools import chain

import msgspec

from shared.clocks import is_ahead
from shared.graph.errors import Throttled
from shared.graph.parallel import few_at_a_time
from shared.graph.users import user_pages, users_of
from shared.guids import as_guid
from shared.ledger.records import Shard, Sweep
from shared.ledger.shards import Held
from shared.model import TenantFacts
from shared.watch.asking import ask
from shared.watch.messages import AGAIN, SWEEP
from shared.watch.parts import Watch
from shared.watch.snapshots import PartWriter
from shared.watch.tenant_facts import facts as facts_room
from shared.watch.users.evaluation import Incomplete, ask_about_groups, look_once_more
from shared.watch.users.judging import Look, readings_of, unknown_sku
from shared.watch.users.spill import Section, Spill

log = logging.getLogger("watch.sweep")

PAGES_A_STEP = 20
_TIMES_JUDGED = 4
_PARALLEL = 2
"""Shards at a time: while one waits for storage, another is judged."""


class Pages(msgspec.Struct, frozen=True):
    """What a step put aside: how many users on how many pages, rows without an id, and the link that follows,
    empty after the last page; `delay`: seconds after which Graph wants to be asked for it."""

    users: int
    pages: int
    unnamed: int
    link: str
    delay: float = 0.0


def spill_of(watch: Watch, sweep: Sweep) -> Spill:
    """Where this reading puts its rows aside."""
    return Spill(watch.storage, watch.manifest, SWEEP, sweep.id)


async def put_aside(watch: Watch, sweep: Sweep, spill: Spill) -> Pages:
    """Put up to 20 pages aside; done twice, users are there twice, and the latest look at each is judged.

    Where Graph wants to be asked later, the pages read so far are a step of their own. Raises `GraphError`.
    """
    sections: list[tuple[str, Section]] = []
    users = pages = unnamed = 0
    delay = 0.0
    link: str | None = sweep.link or None
    coming = asyncio.ensure_future(user_pages(watch.graph, link))
    try:
        while True:
            try:
                page = await coming
            except Throttled as later:
                if not pages:
                    raise
                delay = later.retry_after
                break
            pages += 1
            link = page.next_link
            if link and pages < PAGES_A_STEP:
                # While this page is taken apart, Graph already puts the next one together.
                coming = asyncio.ensure_future(user_pages(watch.graph, link))
            users += len(page.rows)
            unnamed += page.unnamed
            sections += spill.sections((page.asked_at, page.rows))
            if not link or pages == PAGES_A_STEP:
                break
    finally:
        coming.cancel()
    if unnamed:
        log.error("%d rows of users have no id", unnamed)
    # Steps are sorted by this name: digits enough for any tenant.
    await spill.write_sections(f"{sweep.step:07d}", sections)
    return Pages(users, pages, unnamed, link or "", delay)


async def judge_bucket(watch: Watch, sweep: Sweep, spill: Spill) -> list[str]:
    """Judge and commit the users of the bucket that is due, and keep its part of the snapshot.

    Returns who is in the ledger but was not seen, although known before the reading began: perhaps gone.
    Raises `GraphError` where facts had to be read and could not, `Incomplete` where newer ones overtook us.
    """
    unseen: list[str] = []
    kept = PartWriter(watch, sweep)
    bucket = _Bucket(watch, sweep, kept)
    jobs: list[Callable[[], Awaitable[list[str]]]] = []
    async for shard, sections in spill.shards(sweep.bucket or 0):
        jobs.append(partial(bucket.judge, shard, sections))
        if len(jobs) == _PARALLEL:
            unseen += chain.from_iterable(await few_at_a_time(_PARALLEL, jobs))
            jobs = []
    unseen += chain.from_iterable(await few_at_a_time(_PARALLEL, jobs))
    await kept.write()
    return unseen


class _Bucket:
    """One bucket's way into the ledger.

    The tenant's facts are read once, and again only when a commit says that there are newer ones; for an
    unknown SKU they are refreshed once, not for every shard.
    """

    def __init__(self, watch: Watch, sweep: Sweep, kept: PartWriter) -> None:
        self._watch = watch
        self._kept = kept
        self._began = sweep.started_at
        self._facts: TenantFacts | None = None
        self._baseline = True
        self._refreshed = False
        self._reading = asyncio.Lock()
        self._asked: set[str] = set()

    async def judge(self, shard: str, sections: Iterable[Section]) -> list[str]:
        """Judge a shard's users; returns who of the ledger's was not seen."""
        watch = self._watch
        looks, odd = _looks(sections)
        if odd:
            log.error("%d users can't be read as they come: they are asked for by themselves", len(odd))
            await ask(watch, watch.now(), users=sorted(odd), why=AGAIN)
        held = await watch.ledger.read_shard(shard)
        records, now = held.record.users, watch.now()
        unseen = [
            key
            for key, record in records.items()
            if key not in looks
            and key not in odd
            and not record.gone_at
            and (record.observed_at < self._began or is_ahead(record.observed_at, now))
        ]
        left = looks
        for _ in range(_TIMES_JUDGED):
            if not left:
                return unseen
            left = await self._commit(held, left)
        if left:
            raise Incomplete(left, f"{len(left)} users were overtaken by newer facts {_TIMES_JUDGED} times")
        return unseen

    async def _commit(self, held: Held[Shard], looks: dict[str, Look]) -> dict[str, Look]:
        """Judge and commit; returns whom newer facts overtook meanwhile. `held`: the shard as just read."""
        watch, shard = self._watch, held.record.name
        facts = await self._present(looks.values())
        standings = await watch.standings.of_shard(watch.manifest.epoch, shard, looks, facts)
        readings = readings_of(
            watch, facts, looks.values(), standings, held.record.users, baseline=self._baseline
        )
        outcome = await watch.ledger.commit_users(shard, readings, watch.now(), seen=held)
        self._kept.add(facts, readings, without=outcome.refused)
        await look_once_more(watch, [outcome])
        await ask_about_groups(watch, readings, facts, self._asked)
        if outcome.refused:
            self._facts = None
        return {user_id: looks[user_id] for user_id in outcome.refused}

    async def _present(self, looks: Iterable[Look]) -> TenantFacts:
        """The facts to judge these users by. Nobody is judged while they are being read."""
        async with self._reading:
            if self._facts is None:
                self._facts = await facts_room.present(self._watch)
                self._baseline = (await self._watch.ledger.read_tenant()).record.baseline_ended_at is None
            if not self._refreshed and unknown_sku(looks, self._facts):
                self._facts = await facts_room.refresh(self._watch)
                self._refreshed = True
            return self._facts


def _looks(sections: Iterable[Section]) -> tuple[dict[str, Look], set[str]]:
    """Users as read, of several readings the latest; and the ids of rows that are not as documented."""
    looks: dict[str, Look] = {}
    odd: set[str] = set()
    for section in sections:
        users, unreadable = users_of(section.rows)
        odd.update(one for one in map(as_guid, unreadable) if one)
        at = section.observed_at
        for user in users:
            known = looks.get(user.id)
            if known is None or known.observed_at <= at:
                looks[user.id] = Look(user, at)
    return looks, odd
