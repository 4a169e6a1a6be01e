"""What people were handed, held against what the notifier believes: nothing lost, each repeat with its cause.

Both kinds of message have an id, in a header. A webhook's event names its findings too, so that it is known
also where it says again what another had said. A card for Teams is known by its id alone, and by whether the
trail of the telling remembers it.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from sandbox.misfortune import Attempt
from sandbox.webhook import Received
from shared.model import Moment
from shared.notify.table import Table
from shared.notify.trail import TrailLine
from shared.storage import Container

TEAMS, TICKETS = "teams", "tickets"
KILLED_OVER = "timers"
"""The process that tells."""
LONGEST_RUN = timedelta(seconds=60)
"""From a post until its run has remembered it."""
ON_ITS_WAY = timedelta(seconds=0.5)
"""A receiver notes a post so long, at most, after whoever sent it: who was killed just then has sent it."""

Key = tuple[str, ...]


class Repeat(msgspec.Struct, frozen=True, kw_only=True):
    """An event or card that says again what an earlier one said, and why; no `cause`: nobody knows."""

    at: datetime
    route: str
    what: str
    cause: str


class Handed(msgspec.Struct, frozen=True, kw_only=True):
    """What was found: how much each receiver took and the trail says was sent, what is lost, what came twice.

    `ambiguous`: posts that were taken while whoever sent them could not know. `allowed`: kills and ambiguous
    posts, by route: no more may come twice.
    """

    taken: Mapping[str, int]
    sent: Mapping[str, int]
    lost: tuple[str, ...]
    repeats: tuple[Repeat, ...]
    ambiguous: Mapping[str, int]
    allowed: Mapping[str, int]

    @property
    def unexplained(self) -> tuple[Repeat, ...]:
        """Repeats without a cause."""
        return tuple(one for one in self.repeats if not one.cause)

    @property
    def within(self) -> bool:
        """Whether no route repeats more than kills and ambiguous posts explain."""
        repeated = Counter(one.route for one in self.repeats)
        return all(repeated[route] <= self.allowed[route] for route in self.allowed)


def handed(
    table: Table,
    trail: Sequence[TrailLine],
    events: Sequence[Received],
    attempts: Mapping[str, Sequence[Attempt]],
    kills: Sequence[datetime],
    changes: Mapping[tuple[str, str], int],
    held: Collection[str],
) -> Handed:
    """Judge it all. `kills`: when the process that tells was killed; times are those of the machine.
    `changes`: how often the journal says that a finding changed to a state: so often that is news. `held`:
    the findings that it holds open, as far as the notifier has read it.
    """
    sent = [line for line in trail if line.event == "sent"]
    taken = {route: sum(one.taken for one in tried) for route, tried in attempts.items()}
    by_route = Counter(line.route for line in sent)
    ambiguous = {route: sum(one.ambiguous for one in tried) for route, tried in attempts.items()}
    lost = [
        *_held_and_not_known(table, held),
        *_believed_and_not_sent(table, sent),
        *_sent_and_not_taken(sent, attempts),
    ]
    repeats = [
        *_events_twice(events, attempts[TICKETS], kills, changes),
        *_cards_twice(sent, attempts[TEAMS], kills),
    ]
    return Handed(
        taken=taken,
        sent={route: by_route[route] for route in attempts},
        lost=tuple(lost),
        repeats=tuple(repeats),
        ambiguous=ambiguous,
        allowed={route: len(kills) + count for route, count in ambiguous.items()},
    )


async def trail_of(evidence: Container, tenant_id: str) -> list[TrailLine]:
    """Every line of the trail of the telling, in the order in which it was left."""
    lines: list[TrailLine] = []
    async for listed in evidence.names(f"{tenant_id}/told/"):
        stored = await evidence.read(listed.name)
        if stored is not None:
            lines += [msgspec.json.decode(line, type=TrailLine) for line in stored.data.splitlines() if line]
    return lines


def _held_and_not_known(table: Table, held: Collection[str]) -> list[str]:
    """Findings of which journal and notifier don't both hold that they are open: nobody hears of these, or
    of their end."""
    known = {entry.id for entry in table.entries.values() if entry.open}
    return [
        *(f"finding {one} is open, and the notifier doesn't know of it" for one in sorted({*held} - known)),
        *(f"finding {one} is open to the notifier only" for one in sorted(known - {*held})),
    ]


def _believed_and_not_sent(table: Table, sent: Iterable[TrailLine]) -> list[str]:
    """Findings that the notifier takes for told on a route, and no message there had them."""
    told = {(line.route, finding) for line in sent for finding in line.findings}
    return [
        f"finding {entry.id} counts as told on {route}, and no message there had it"
        for entry in table.entries.values()
        for route in entry.told
        if (route, entry.id) not in told
    ]


def _sent_and_not_taken(sent: Iterable[TrailLine], attempts: Mapping[str, Sequence[Attempt]]) -> list[str]:
    """Only a plain answer lets a message count as sent: one that was taken and disowned stands for none."""
    taken = {
        (route, one.id)
        for route, tried in attempts.items()
        for one in tried
        if one.taken and not one.ambiguous
    }
    return [
        f"message {line.message} counts as sent on {line.route} at {line.at}, and never came"
        for line in sent
        if (line.route, line.message) not in taken
    ]


def _events_twice(
    events: Sequence[Received],
    attempts: Sequence[Attempt],
    kills: Sequence[datetime],
    changes: Mapping[tuple[str, str], int],
) -> list[Repeat]:
    """Events that say something that an earlier one has said."""
    said: dict[Key, list[Attempt]] = {}
    found = []
    tried = [one for one in attempts if one.taken]
    for event, attempt in zip(events, tried, strict=True):
        known: list[Attempt] = []
        for key, times in _said(event, changes):
            before = said.setdefault(key, [])
            if before and _cause(before[-1], attempt, kills):
                # Whoever sent it could not know that it was said: this is no further change.
                known.append(before.pop())
            elif len(before) >= times:
                known.append(before[-1])
            before.append(attempt)
        if known:
            earlier = max(known, key=lambda one: one.at)
            what = f"{_named(event.event)}, first at {earlier.at:%H:%M:%S}"
            cause = _cause(earlier, attempt, kills)
            found.append(Repeat(at=attempt.at, route=TICKETS, what=what, cause=cause))
    return found


def _cause(earlier: Attempt, attempt: Attempt, kills: Sequence[datetime]) -> str:
    """Why what the earlier post said may be said again; empty if there is no reason."""
    if earlier.ambiguous:
        return f"ambiguous post: {earlier.misfortune}"
    return _killed_over(earlier.at, attempt.at, kills)


def _said(event: Received, changes: Mapping[tuple[str, str], int]) -> list[tuple[Key, int]]:
    """What an event says, each finding as it stood, and how often that may be said; of one without findings
    the event itself."""
    found: list[tuple[Key, int]] = []
    for row in event.event["data"]["findings"]:
        ended = (row.get("ended") or {}).get("at", "")
        key = (row["id"], row["transition"], row["state"], row["since"], ended)
        changed = row["transition"] == Moment.CHANGED
        found.append((key, changes.get((row["id"], row["state"]), 1) if changed else 1))
    return found or [((event.id,), 1)]


def _named(event: Mapping[str, Any]) -> str:
    rows = event["data"]["findings"]
    about = f" of {rows[0]['line'][:80]}" if len(rows) == 1 else f" of {event['data']['findings_total']}"
    return f"{event['type']}{about}"


def _cards_twice(
    sent: Sequence[TrailLine], attempts: Sequence[Attempt], kills: Sequence[datetime]
) -> list[Repeat]:
    """Cards that the channel had taken before; and those that nothing remembers, without a reason."""
    remembered = {line.message for line in sent if line.route == TEAMS}
    before: dict[str, Attempt] = {}
    found = []
    for one in attempts:
        if not one.taken:
            continue
        if (earlier := before.get(one.id)) is not None:
            what = f"card {one.id[:8]}, first at {earlier.at:%H:%M:%S}"
            found.append(Repeat(at=one.at, route=TEAMS, what=what, cause=_cause(earlier, one, kills)))
        before[one.id] = one
    for one in before.values():
        lost = one.ambiguous or _killed_over(one.at, one.at + LONGEST_RUN, kills)
        if one.id not in remembered and not lost:
            what = f"card {one.id[:8]}, which nothing remembers"
            found.append(Repeat(at=one.at, route=TEAMS, what=what, cause=""))
    return found


def _killed_over(before: datetime, after: datetime, kills: Sequence[datetime]) -> str:
    """Who tells was killed after the earlier post, before it can have remembered it."""
    sent = before - ON_ITS_WAY
    found = next((at for at in kills if sent <= at <= min(after, sent + LONGEST_RUN)), None)
    return f"{KILLED_OVER} killed at {found:%H:%M:%S}" if found else ""
