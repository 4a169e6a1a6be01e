"""Changed groups by delta query, where Graph grants no notifications of them (design §4.7).

A subscription on groups takes Group.Read.All; groups/delta does with less. What it tells is a hint like any
other: which groups to look at. Where the chain of links is lost, every group that matters is looked at.
"""

from datetime import datetime

import msgspec

from shared.graph.delta import delta_page, groups_latest
from shared.graph.errors import Forbidden, Gone410, GraphError
from shared.model import Facts
from shared.watch import unwell
from shared.watch.asking import ask
from shared.watch.fault_codes import Code
from shared.watch.licensing.groups import that_matter
from shared.watch.messages import AGAIN, DELTA
from shared.watch.parts import Watch
from shared.watch.subscription_memory import recall
from shared.watch.tenant_facts import facts as facts_room

_LOCK_SECONDS = 60
_PAGES = 200
"""How many pages one run follows; the next goes on from there."""
_CODE: Code = "groups-delta"
_FAILURES_TOLD = 3


class State(Facts, frozen=True, kw_only=True):
    """Where the chain stands: `link` is the page to ask for next, empty where there is no chain.

    `tried_at`: the last run began; `failures`: how many in a row could not ask Graph.
    """

    link: str = ""
    tried_at: datetime | None = None
    failures: int = 0


async def needed(watch: Watch) -> bool:
    """Whether notifications of groups are refused to us, hindered by anything else, or given up."""
    kept = await recall(watch)
    if kept is None or not (kept.left or "groups" in {*kept.refused, *kept.troubles}):
        return False
    return not kept.alive("groups", watch.now())


async def look(watch: Watch) -> bool:
    """Follow the chain every `DELTA_EVERY` and have changed groups that matter looked at; says if it ran.

    Each link is stored after its page was passed on. One at a time. Nothing where notifications come: then
    the chain is let go, and begun anew if they are refused again.
    """
    if not await needed(watch):
        if (await present(watch)).link:
            await _store(watch, State())
            await unwell.note(watch, {_CODE: None})
        return False
    async with watch.ledger.lock("group-delta", _LOCK_SECONDS) as held:
        state = await present(watch)
        every = watch.settings.delta_every
        if not held or (state.tried_at is not None and not watch.is_time(state.tried_at, every)):
            return False
        state = msgspec.structs.replace(state, tried_at=watch.now())
        try:
            state = await _follow(watch, state)
        except GraphError as fault:
            await _failed(watch, state, fault)
            return True
        await _store(watch, msgspec.structs.replace(state, failures=0))
        await unwell.note(watch, {_CODE: None})
        return True


async def _follow(watch: Watch, state: State) -> State:
    if not state.link:
        return await _begin(watch, state)
    for _ in range(_PAGES):
        try:
            page = await delta_page(watch.graph, state.link)
        except Gone410:
            return await _begin(watch, state)
        told = (await that_matter(watch)).intersection((*page.changed, *page.removed))
        await ask(watch, page.asked_at, groups=sorted(told), why=DELTA)
        state = msgspec.structs.replace(state, link=page.next_link or page.delta_link or "")
        await _store(watch, state)
        if page.delta_link:
            break
    return state


async def _begin(watch: Watch, state: State) -> State:
    """A chain from now on. What happened before it began is found by looking at every group that matters."""
    link = await groups_latest(watch.graph)
    await ask(watch, watch.now(), groups=sorted(await that_matter(watch)), why=AGAIN)
    return msgspec.structs.replace(state, link=link)


async def _failed(watch: Watch, state: State, fault: GraphError) -> None:
    failures = state.failures + 1
    await _store(
        watch, msgspec.structs.replace(await present(watch), tried_at=state.tried_at, failures=failures)
    )
    facts = await facts_room.present(watch)
    if isinstance(fault, Forbidden) and facts.evidence_of("groups").read_at is None:
        # Nothing of groups was ever read: that the permission is missing is told with this piece of evidence.
        return
    if failures >= _FAILURES_TOLD:
        await unwell.note(watch, {_CODE: fault.brief})


async def present(watch: Watch) -> State:
    """Where the chain stands."""
    stored = await watch.storage.ledger.read(_name(watch))
    return msgspec.json.decode(stored.data, type=State) if stored else State()


async def _store(watch: Watch, state: State) -> None:
    await watch.storage.ledger.put(_name(watch), msgspec.json.encode(state))


def _name(watch: Watch) -> str:
    return f"{watch.settings.tenant_id}/{watch.manifest.epoch}/group-delta"
