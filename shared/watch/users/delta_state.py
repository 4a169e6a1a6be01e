"""Where the delta query on users stands: one blob beside the ledger's books, written on condition only.

`delta.py` follows the chain of links, `sweep.py` begins it anew: both come here for it.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime

import msgspec

from shared.graph.delta import USER_DELTA_SELECT
from shared.model import Facts
from shared.storage import Stale
from shared.watch.parts import Watch

TRACKED = hashlib.blake2b(",".join(USER_DELTA_SELECT).encode(), digest_size=6).hexdigest()
"""Stands for what is tracked: a link asked for with another `$select` does not tell what we must know."""


GAPS_KEPT = 10


class Gap(Facts, frozen=True, kw_only=True):
    """How complete the notifications were, as counted after a round (design §4.6).

    `users`: whose judged facts changed between `since` and `until` while no notification told of it within 30
    minutes; `sample` are at most 20 of them. `longest_seconds`: so long at most did one of these changes wait
    for its verdict. `heard`: changes that a notification told of; `mean_seconds` and `slowest_seconds` from
    notification to verdict.
    """

    since: datetime
    until: datetime
    users: int = 0
    sample: tuple[str, ...] = ()
    longest_seconds: float = 0.0
    heard: int = 0
    mean_seconds: float = 0.0
    slowest_seconds: float = 0.0


class PutAside(Facts, frozen=True, kw_only=True):
    """What became of messages that failed too often, for one queue (`poison.py`).

    `rounds`: how often in a row some were taken up, `taken_at` the last time. `unreadable`: some lie there
    that can't be read.
    """

    rounds: int = 0
    taken_at: datetime | None = None
    unreadable: bool = False


class Delta(Facts, frozen=True, kw_only=True):
    """The chain of links, and what its rounds found.

    `link` is the page to ask for next; empty: the chain is lost since `lost_at`, the next reading of all
    users begins another. `round_link` began the round that is under way since `round_began_at`; None between
    rounds. `restarted`: that round was begun again, because Graph had forgotten a page of it.
    `last_round_at`: the last round knows of all that happened before. `pages`, `users`, `removed`: of the
    round under way, else of the last. `losses`: how often the chain was lost since a round ended. `failures`:
    how often in a row Graph could not be asked, since `failed_at`, and `fault` why. `dead`: the link that
    Graph had forgotten when the chain was lost. `soon`: somebody wants the next round at once. `poison`:
    messages taken up again that had been put aside, `aside` more of them by queue. `gap`: the last that was
    counted, at `counted_at`; `gaps`: the last in which somebody was missed, newest first. `unheard`: counts
    with somebody missed since one with something heard, and `unheard_since` the first of them goes back to.
    """

    link: str = ""
    tracked: str = TRACKED
    round_link: str = ""
    round_began_at: datetime | None = None
    restarted: bool = False
    last_round_at: datetime | None = None
    pages: int = 0
    users: int = 0
    removed: int = 0
    rounds: int = 0
    lost_at: datetime | None = None
    losses: int = 0
    failures: int = 0
    failed_at: datetime | None = None
    fault: str = ""
    poison: int = 0
    aside: Mapping[str, PutAside] = {}
    dead: str = ""
    soon: bool = False
    counted_at: datetime | None = None
    gap: Gap | None = None
    gaps: tuple[Gap, ...] = ()
    unheard: int = 0
    unheard_since: datetime | None = None

    @property
    def alive(self) -> bool:
        """There is a link, and it tells what we must know."""
        return bool(self.link) and self.tracked == TRACKED


def counted(state: Delta, gap: Gap) -> Delta:
    """The state with this count."""
    unheard, since = state.unheard, state.unheard_since
    if gap.heard:
        unheard, since = 0, None
    elif gap.users:
        unheard, since = unheard + 1, since or gap.since
    return msgspec.structs.replace(
        state,
        counted_at=gap.until,
        gap=gap,
        gaps=(gap, *state.gaps)[:GAPS_KEPT] if gap.users else state.gaps,
        unheard=unheard,
        unheard_since=since,
    )


class HeldDelta(msgspec.Struct, frozen=True):
    """The state as read; `etag` None: nothing was ever stored."""

    state: Delta
    etag: str | None


async def read(watch: Watch) -> HeldDelta:
    """The state as stored now; an empty one before the first reading of all users began."""
    stored = await watch.storage.ledger.read(_name(watch))
    if stored is None:
        return HeldDelta(Delta(), None)
    return HeldDelta(msgspec.json.decode(stored.data, type=Delta), stored.etag)


async def recall(watch: Watch) -> Delta | None:
    """The state for whoever only looks; None where nothing was ever stored."""
    held = await read(watch)
    return held.state if held.etag else None


async def write(watch: Watch, held: HeldDelta, state: Delta) -> HeldDelta:
    """Replace the state that was read. Raises `Stale` if another worker was faster: nothing was written."""
    data, name = msgspec.json.encode(state), _name(watch)
    if held.etag is None:
        etag = await watch.storage.ledger.create(name, data)
        if etag is None:
            raise Stale(name)
    else:
        etag = await watch.storage.ledger.replace(name, data, held.etag)
    return HeldDelta(state, etag)


async def begin(watch: Watch, link: str, at: datetime) -> bool:
    """Go on from this link, asked for at `at`, where the chain is lost or was never begun; says whether."""
    held = await read(watch)
    if not link or held.state.alive:
        return False
    begun = msgspec.structs.replace(
        held.state,
        link=link,
        tracked=TRACKED,
        round_link=link,
        round_began_at=None,
        restarted=False,
        last_round_at=at,
        lost_at=None,
        dead="",
        failures=0,
        failed_at=None,
        fault="",
    )
    try:
        await write(watch, held, begun)
    except Stale:
        return False
    return True


def _name(watch: Watch) -> str:
    manifest = watch.manifest
    return f"{manifest.tenant_id}/{manifest.epoch}/delta"
