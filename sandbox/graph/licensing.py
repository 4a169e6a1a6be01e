"""Group licensing: a background job per change, all or nothing per member, errors left on the user.

graph.md §7.3: the work happens later, in stages that the group's `licenseProcessingState` shows; errors are
recorded on the user and nobody is told; when seats free up nothing happens until someone reprocesses.
"""

import heapq
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sandbox.graph.records import Group, Inherited, User

if TYPE_CHECKING:
    from sandbox.graph.world import World

QUEUED = "QueuedForProcessing"
RUNNING = "ProcessingInProgress"
COMPLETE = "ProcessingComplete"


@dataclass(frozen=True, slots=True)
class _Job:
    group_id: str
    user_ids: tuple[str, ...] | None
    stage: str


class GroupLicensing:
    """The background worker, without a clock of its own: `run(now)` does what is due by then."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._jobs: list[tuple[datetime, int, _Job]] = []
        self._number = 0
        self._stages: dict[str, Counter[str]] = {}
        self.forced: dict[tuple[str, str], str] = {}
        """(group id, user id) to an error code that the next processing of that member ends in."""
        self.lenient: set[tuple[str, str]] = set()
        """Those of `forced` that have the licence all the same (`ActiveWithError`, graph.md §7.1)."""

    @property
    def pending(self) -> int:
        """Jobs that are not complete."""
        return len(self._jobs)

    @property
    def next_due(self) -> datetime | None:
        """When `run` will next have something to do."""
        return self._jobs[0][0] if self._jobs else None

    def state_of(self, group: Group) -> str | None:
        """`licenseProcessingState`; None for a group that never had licences."""
        stages = self._stages.get(group.id)
        if stages:
            return RUNNING if stages[RUNNING] else QUEUED
        return COMPLETE if group.processed or group.licences else None

    def request(self, group_id: str, user_ids: tuple[str, ...] | None = None) -> None:
        """Queue a job for these (former) members, or for everybody who has something of the group."""
        self._world.groups[group_id].processed = True
        self._put(_Job(group_id, user_ids, QUEUED))

    def run(self, now: datetime) -> None:
        """Advance every job that is due."""
        while self._jobs and self._jobs[0][0] <= now:
            _, _, job = heapq.heappop(self._jobs)
            self._count(job, -1)
            if job.stage == QUEUED:
                self._put(_Job(job.group_id, job.user_ids, RUNNING))
            else:
                self._process(job)

    def _put(self, job: _Job) -> None:
        shortest, longest = self._world.rates.licensing_delay
        due = self._world.now() + timedelta(seconds=self._world.rng.uniform(shortest, longest))
        self._number += 1
        heapq.heappush(self._jobs, (due, self._number, job))
        self._count(job, 1)

    def _count(self, job: _Job, step: int) -> None:
        stages = self._stages.setdefault(job.group_id, Counter())
        stages[job.stage] += step
        if not +stages:
            del self._stages[job.group_id]

    def _process(self, job: _Job) -> None:
        group = self._world.groups.get(job.group_id)
        if group is None:
            return
        who = job.user_ids
        if who is None:
            # Of a crowd, whoever has something of the group and is no object is a member still.
            former = {u.id for u in self._world.objects() if any(g == group.id for g, _ in u.inherited)}
            who = tuple(sorted(group.members | former))
        for user_id in who:
            user = self._world.users.get(user_id)
            if user is not None:
                self._settle(group, user)
        self._world.index.note(group.id)

    def _settle(self, group: Group, user: User) -> None:
        """Bring one member to what the group gives: what is active stays, the rest comes whole or not."""
        member = user.id in group.members and user.deleted_at is None
        wanted = group.licences if member else {}
        kept = self.forced.get((group.id, user.id), "") if (group.id, user.id) in self.lenient else ""
        before = self._world.assigned(user)
        now = self._world.now()
        self._world.replica.before_change(user)
        for key in [key for key in user.inherited if key[0] == group.id and key[1] not in wanted]:
            del user.inherited[key]
        missing = []
        for sku_id, disabled in wanted.items():
            held = user.inherited.get((group.id, sku_id))
            if held is not None and held.assigned:
                state = "ActiveWithError" if kept else "Active"
                user.inherited[(group.id, sku_id)] = replace(held, state=state, error=kept, disabled=disabled)
            else:
                missing.append(sku_id)
        errors = self._errors(group, user, tuple(missing))
        for sku_id in missing:
            code = errors.get(sku_id, kept)
            state = "Error" if sku_id in errors else "ActiveWithError" if kept else "Active"
            user.inherited[(group.id, sku_id)] = Inherited(state, code, wanted[sku_id], now)
        self._world.holdings_changed(user, before)

    def _errors(self, group: Group, user: User, sku_ids: tuple[str, ...]) -> dict[str, str]:
        """Error code by SKU; if one SKU fails, every one of them has a code (all or nothing)."""
        found = {sku_id: code for sku_id in sku_ids if (code := self._problem(group, user, sku_id))}
        if not found:
            return {}
        sibling = next(iter(found.values())) if self._world.rates.sibling_error == "same" else "Other"
        return {sku_id: found.get(sku_id, sibling) for sku_id in sku_ids}

    def _problem(self, group: Group, user: User, sku_id: str) -> str:
        forced = self.forced.get((group.id, user.id))
        if forced and (group.id, user.id) not in self.lenient:
            return forced
        # An empty usage location falls back to the directory's; licensing never writes it (graph.md §7.1).
        location = user.usage_location or self._world.organization.country
        if location is None or location in self._world.prohibited_locations:
            return "ProhibitedInUsageLocationViolation"
        if sku_id not in self._world.assigned(user) and self._world.free_seats(sku_id) <= 0:
            return "CountViolation"
        return ""
