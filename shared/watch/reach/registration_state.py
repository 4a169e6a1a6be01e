"""Where a reading of the registration report and the scope groups stands: one small blob beside the epoch.

It is written by ETag only, so of two workers at one step one advances it; the other finds that it was
overtaken and does nothing more. Whoever advances it asks for the next step, so there is never a second chain.
"""

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import msgspec

from shared.clocks import is_ahead, is_surely_since
from shared.model import Evidence, EvidenceStatus, Facts, TenantFacts
from shared.rules.policy import Policy
from shared.storage import Lease, Stale
from shared.watch.messages import REGISTRATION, write_step
from shared.watch.parts import Busy, Watch

REPORT, SCOPE, EMERGENCY, AUDIT = "registration", "scope-groups", "emergency-group", "audit"
PIECES = (REPORT, SCOPE, EMERGENCY, AUDIT)
"""What a reading can read, in this order; each is the name of its evidence."""
MEMBERSHIPS = (SCOPE, EMERGENCY)

_AUDIT_FIRST = timedelta(days=365)
_AUDIT_AGAIN = timedelta(days=1)
"""How far before its last reading the audit log is read again: entries arrive late."""

_ATTEMPTS = 20


class Overtaken(Exception):
    """The state was written by others every time we tried. Nothing was changed; the queue tries again."""


class Source(Facts, frozen=True):
    """One list of pages: of the report, of one group's members, of the audit log."""

    piece: str
    group: str = ""


class Reading(Facts, frozen=True):
    """A reading in steps. `step` is the number of the message that is due at `due_at`.

    `sources` are read one after the other; `place` is the one whose page `link` (empty: the first) comes
    next. `piece_began_at`: when the first page of the present piece was asked for; `tries`: how often in a
    row its page gave no answer. `outcomes`: the evidence of each piece that has ended, well or badly.
    `nested`: groups found below each group. Then `bucket` is taken into the index next; `everybody`: all
    users may be judged otherwise because of it. `oldest_row_at`, `row_days`: how old rows of the report are
    (day to count). `again`: pieces that were asked for meanwhile. `stands_since`: its step was due then and
    has been asked for again since; None where it goes on.
    """

    id: str
    policy: str
    began_at: datetime
    due_at: datetime
    sources: tuple[Source, ...]
    audit_since: datetime
    step: int = 1
    mark: str = ""
    restarts: int = 0
    place: int = 0
    link: str = ""
    tries: int = 0
    piece_began_at: datetime | None = None
    outcomes: Mapping[str, Evidence] = {}
    rows: Mapping[str, int] = {}
    nested: Mapping[str, tuple[str, ...]] = {}
    bucket: int = 0
    everybody: bool | None = None
    oldest_row_at: datetime | None = None
    row_days: Mapping[str, int] = {}
    ended_at: datetime | None = None
    again: tuple[str, ...] = ()
    stands_since: datetime | None = None

    @property
    def source(self) -> Source | None:
        """The source whose page comes next; None: all pages were read."""
        return self.sources[self.place] if self.place < len(self.sources) else None

    @property
    def pieces(self) -> frozenset[str]:
        """What it reads."""
        return frozenset(source.piece for source in self.sources)

    @property
    def read(self) -> frozenset[str]:
        """The pieces that were read whole."""
        return frozenset(name for name, one in self.outcomes.items() if one.status is EvidenceStatus.OK)

    @property
    def spill(self) -> str:
        """Under which name its rows are put aside: what came before a restart never mixes in."""
        return f"{self.id}-{self.restarts}"


class _Kept(msgspec.Struct, frozen=True):
    reading: Reading
    etag: str


def wanted(policy: Policy) -> tuple[str, ...]:
    """The pieces that this policy rests on. The report says who is administrator, so it is always read."""
    needed = {
        REPORT: True,
        SCOPE: policy.scope == "groups",
        EMERGENCY: bool(policy.emergency_group),
        AUDIT: policy.population == "used",
    }
    return tuple(piece for piece in PIECES if needed[piece])


def groups_of(policy: Policy) -> frozenset[str]:
    """The groups whose members decide who is in reach."""
    scope = policy.scope_groups if policy.scope == "groups" else ()
    return frozenset(group for group in (*scope, policy.emergency_group) if group)


async def present(watch: Watch) -> Reading | None:
    """The reading that runs, or else the last; None before the first."""
    kept = await _load(watch)
    return kept.reading if kept else None


async def begin(watch: Watch, facts: TenantFacts, pieces: Iterable[str]) -> bool:
    """Begin a reading of these pieces, or have one that runs followed by it; says whether it was begun.

    However often that is asked for while one runs, it is followed by one. One that only waits for its time is
    taken for one of these pieces if it has them all, and else replaced by one of both that begins at once.
    """
    asked = tuple(piece for piece in wanted(watch.settings.policy) if piece in set(pieces))
    if not asked:
        return False
    identity = uuid.uuid4().hex
    for _ in range(_ATTEMPTS):
        kept = await _load(watch)
        if kept and kept.reading.id == identity:
            # Our write was in, though its answer was lost.
            await ask_for(watch, kept.reading, wait_of(watch, kept.reading))
            return True
        waiting = kept.reading.pieces if kept and waits(watch, kept.reading) else frozenset[str]()
        if waiting.issuperset(asked):
            return False
        reading = _new(watch, facts, {*asked, *waiting}, identity)
        if kept and kept.reading.ended_at is None and not waiting:
            again = tuple(piece for piece in PIECES if piece in {*kept.reading.again, *asked})
            if again == kept.reading.again:
                return False
            if await _store(watch, msgspec.structs.replace(kept.reading, again=again), kept.etag):
                return False
        elif await _store(watch, reading, kept.etag if kept else None):
            await ask_for(watch, reading, wait_of(watch, reading))
            return True
    raise Overtaken("the state of the registration reading was written by others every time")


async def wake(watch: Watch, stalled: Reading) -> bool:
    """Ask for the due step of a reading that stands still, unless somebody has just done so or gone on."""
    kept = await _load(watch)
    if kept is None or kept.reading != stalled:
        return False
    since = stalled.stands_since or stalled.due_at
    woken = msgspec.structs.replace(stalled, due_at=watch.now(), stands_since=since)
    if not await _store(watch, woken, kept.etag):
        return False
    await ask_for(watch, woken)
    return True


async def checkpoint(
    watch: Watch, before: Reading, after: Reading, facts: TenantFacts | None
) -> Reading | None:
    """Store what a step made of the reading; None if another worker has taken that very step.

    Returns the reading whose step is due now: the next of this one or, if it ended and was asked for again
    meanwhile, a new one; or the ended one.
    """
    mark = uuid.uuid4().hex
    for _ in range(_ATTEMPTS):
        kept = await _load(watch)
        if kept and kept.reading.mark == mark:
            # Our write was in, though its answer was lost.
            return kept.reading
        if kept is None or (kept.reading.id, kept.reading.step) != (before.id, before.step):
            return None
        following = msgspec.structs.replace(
            after, step=before.step + 1, again=kept.reading.again, stands_since=None
        )
        if following.ended_at and following.again and facts:
            following = _new(watch, facts, following.again, uuid.uuid4().hex, after)
        following = msgspec.structs.replace(following, mark=mark)
        if await _store(watch, following, kept.etag):
            return following
    raise Overtaken("the state of the registration reading was written by others every time")


async def ask_for(watch: Watch, reading: Reading, delay: float = 0.0) -> None:
    """Put the message for the step that is due on the queue."""
    await watch.storage.sweeps.send(write_step(REGISTRATION, reading.id, reading.step), delay=delay)


def still_ours(lease: Lease) -> None:
    """Raises `Busy` where the lease of the reading was lost meanwhile: another worker may go on with it."""
    if not lease:
        raise Busy("another worker may have taken over the reading of the registration report")


def is_misdated(reading: Reading, now: datetime) -> bool:
    """Whether a clock that was ahead said when its step is due: it may be due by now."""
    return is_ahead(reading.began_at, now) and is_ahead(reading.due_at, now)


def waits(watch: Watch, reading: Reading) -> bool:
    """Whether it has not begun to read because its time is yet to come."""
    now = watch.now()
    begins = reading.step == 1 and reading.ended_at is None
    return begins and reading.due_at > now and not is_misdated(reading, now)


def wait_of(watch: Watch, reading: Reading) -> float:
    """Seconds until its step is due; never negative."""
    return max(0.0, (reading.due_at - watch.now()).total_seconds())


def is_yet_to_read(watch: Watch, reading: Reading, pieces: Iterable[str], at: datetime) -> bool:
    """Whether a reading that runs asks for each of these pieces only after `at`, or began to."""
    if reading.ended_at is not None:
        return False
    now = watch.now()
    for piece in set(pieces).intersection(wanted(watch.settings.policy)):
        if piece not in reading.pieces:
            return False
        ended = reading.outcomes.get(piece)
        present = reading.source is not None and reading.source.piece == piece
        began = ended.tried_at if ended else reading.piece_began_at if present else None
        if began is not None and not is_surely_since(began, at, now):
            return False
    return True


def were_read(watch: Watch, facts: TenantFacts, pieces: Iterable[str], at: datetime) -> bool:
    """Whether each of these pieces was last read whole from a time after `at` on."""
    now = watch.now()
    times = [
        facts.evidence_of(one).read_at for one in set(pieces).intersection(wanted(watch.settings.policy))
    ]
    return all(is_surely_since(time, at, now) for time in times)


def _due_at(watch: Watch, facts: TenantFacts, pieces: frozenset[str], last: Reading | None) -> datetime:
    """When a reading of these pieces may begin: of members alone `DELTA_EVERY` after the last attempt, for
    each of many who are put into a group makes a word of its own."""
    now = watch.now()
    if not pieces.issubset(MEMBERSHIPS):
        return now
    ended = last.outcomes if last else {}
    tried = [ended.get(piece, facts.evidence_of(piece)).tried_at for piece in pieces]
    known = [time for time in tried if time and not is_ahead(time, now)]
    return max([now, *(time + watch.settings.delta_every for time in known)])


def _new(
    watch: Watch, facts: TenantFacts, asked: Iterable[str], identity: str, last: Reading | None = None
) -> Reading:
    """A reading of these pieces; `last`: one that ended, of which the facts may not yet know."""
    now, policy = watch.now(), watch.settings.policy
    pieces = [piece for piece in PIECES if piece in set(asked)]
    groups = {SCOPE: policy.scope_groups, EMERGENCY: (policy.emergency_group,)}
    sources = [Source(piece=piece, group=group) for piece in pieces for group in groups.get(piece, ("",))]
    audited = facts.evidence_of(AUDIT).read_at
    # By a clock that was ahead: up to when the log was really read nobody knows.
    known = audited is not None and not is_ahead(audited, now)
    return Reading(
        id=identity,
        policy=watch.policy_fingerprint,
        began_at=now,
        due_at=_due_at(watch, facts, frozenset(pieces), last),
        sources=tuple(sources),
        audit_since=audited - _AUDIT_AGAIN if audited and known else now - _AUDIT_FIRST,
    )


async def _load(watch: Watch) -> _Kept | None:
    stored = await watch.storage.evidence.read(_name(watch))
    return _Kept(msgspec.json.decode(stored.data, type=Reading), stored.etag) if stored else None


async def _store(watch: Watch, reading: Reading, etag: str | None) -> bool:
    data = msgspec.json.encode(reading)
    if etag is None:
        return await watch.storage.evidence.create(_name(watch), data) is not None
    try:
        await watch.storage.evidence.replace(_name(watch), data, etag)
    except Stale:
        return False
    return True


def _name(watch: Watch) -> str:
    manifest = watch.manifest
    return f"{manifest.tenant_id}/{manifest.epoch}/reading/registration"
