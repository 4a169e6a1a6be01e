"""The brake: many users at once are held until it is sure (judgement.md §6). Pure.

A tenant that loses a SKU, a reading that went wrong and a mistake in a script look alike in the first
minutes. So the users' changes are held, one card says so, everybody is read once more, and one card tells
what is so. If the facts return, nothing but the card about the hold is ever told.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import msgspec

from shared.clocks import is_ahead
from shared.findings.losses import FACT as LOST
from shared.model import Moment, SubjectType
from shared.notify.deciding.scene import Scene, Telling, came_about, came_to_light
from shared.notify.entries import Entry
from shared.notify.messages import Item, Mass
from shared.notify.table import Brake

AT_MOST, AT_LEAST, PERCENT = 500, 10, 5
"""More than the smaller of 500 and the larger of 10 and 5 % of the users."""

SHARED_BY = 0.9
"""From this part on a cause, product or group is what they have in common."""


class Held(msgspec.Struct, frozen=True):
    """What is held now in one direction, and the brake that holds it; items by finding id."""

    brake: Brake
    items: Mapping[str, Item]


class Braked(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of the brakes in this run.

    `held`: what is held on. `released`: what is told as one card now. `returned`: brakes whose hold was told
    and is over. `discarded`: findings that count as told from now on, by order. Brakes that are in none of
    them are off.
    """

    held: tuple[Held, ...] = ()
    released: tuple[Held, ...] = ()
    returned: tuple[Brake, ...] = ()
    discarded: tuple[str, ...] = ()


def limit(users: int | None) -> int:
    """More users than this within the window are a mass change."""
    return min(AT_MOST, max(AT_LEAST, (users or 0) * PERCENT // 100))


def brake(
    brakes: Iterable[Brake],
    items: Iterable[Item],
    telling: Telling,
    scene: Scene,
    quieted: Iterable[Entry] = (),
) -> Braked:
    """Hold, release, or let be. `items`: what there is to say of users and nothing else hinders; `quieted`:
    open findings of users that something else hinders, and nobody has heard of."""
    known = {one.worse: one for one in brakes}
    sides: dict[bool, list[Item]] = {True: [], False: []}
    for item in items:
        if item.entry.subject_type is SubjectType.USER:
            sides[item.moment is not Moment.RESOLVED].append(item)
    hidden = [entry for entry in quieted if entry.subject_type is SubjectType.USER]
    found = [
        _side(worse, known.get(worse), sides[worse], hidden if worse else [], telling, scene)
        for worse in (True, False)
    ]
    return Braked(
        held=tuple(one for side in found for one in side.held),
        released=tuple(one for side in found for one in side.released),
        returned=tuple(one for side in found for one in side.returned),
        discarded=tuple(one for side in found for one in side.discarded),
    )


def _side(
    worse: bool,
    known: Brake | None,
    items: list[Item],
    hidden: list[Entry],
    telling: Telling,
    scene: Scene,
) -> Braked:
    if known is None:
        return _watched(worse, items, telling, scene)
    ended = known.over_at or (known.until or known.at if known.released_at else None)
    if ended is not None:
        # A route that has yet to hear of the end must not keep the next mass change from being held.
        later = [item for item in items if came_about(item.entry) > ended]
        another = _watched(worse, later, telling, scene, heard_on=known.heard_on)
        if another.held:
            return another
        return _over(known, scene) if known.over_at else _let_go(known, items, hidden, scene)
    ours = [item for item in items if came_about(item.entry) >= known.since]
    order = scene.release
    # An order or a reading that is dated later than now would let go of whatever is held until then.
    if order is not None and order.at >= known.at and not is_ahead(order.at, scene.now):
        if order.discard:
            return Braked(discarded=tuple(item.entry.id for item in ours))
        return _let_go(_released(known, scene.now, scene.now, order.by), ours, hidden, scene)
    users = len({item.entry.subject_id for item in ours})
    if users <= known.mass.limit // 2:
        return _over(_left(known, ours, hidden, scene), scene)
    read_at = scene.reading.started_at if scene.reading else None
    if known.asked_at and read_at and read_at > known.asked_at and not is_ahead(read_at, scene.now):
        return _let_go(_released(known, scene.now, read_at, ""), ours, hidden, scene)
    return Braked(held=(_still(known, ours, users, telling, scene),))


def _watched(
    worse: bool, items: list[Item], telling: Telling, scene: Scene, heard_on: Iterable[str] = ()
) -> Braked:
    """Off, or on from now. `heard_on`: routes that know of a hold before it, and not of its end.

    What came to light lately counts, by when it came about: a mass loss while the notifier stood still is
    one, and what trickled in meanwhile is none.
    """
    most = limit(scene.users)
    news = [item for item in items if scene.now - came_to_light(item.entry) <= telling.mass_window]
    since = _begins(news, telling.mass_window, most)
    if since is None:
        return Braked()
    recent = [item for item in news if came_about(item.entry) >= since]
    users = len({item.entry.subject_id for item in recent})
    mass = _mass(worse, recent, users, most, since)
    doubt = dict.fromkeys(heard_on, scene.now)
    new = Brake(worse=worse, since=since, at=scene.now, mass=mass, doubt=doubt)
    return Braked(held=(Held(new, {item.entry.id: item for item in recent}),))


def _begins(items: list[Item], window: timedelta, most: int) -> datetime | None:
    """When the first of more than so many users within such a window changed; None if there never were."""
    ordered = sorted((came_about(item.entry), item.entry.subject_id) for item in items)
    within: Counter[str] = Counter()
    first = 0
    for at, subject in ordered:
        within[subject] += 1
        while at - ordered[first][0] > window:
            gone = ordered[first][1]
            within[gone] -= 1
            if not within[gone]:
                del within[gone]
            first += 1
        if len(within) > most:
            return ordered[first][0]
    return None


def _still(known: Brake, items: list[Item], users: int, telling: Telling, scene: Scene) -> Held:
    """What is held on; once it has lasted and no more comes, people are told and everybody is read again."""
    now, asked_at, mass = scene.now, known.asked_at, known.mass
    if users > mass.users:
        mass = _mass(known.worse, items, users, mass.limit, known.since)
    lasted = now - known.at
    calm = now - max(came_about(item.entry) for item in items) >= telling.group_wait
    if asked_at is None and lasted >= telling.confirm_after:
        asked_at = now if calm or lasted >= telling.confirm_after + telling.group_wait_max else None
    brake = msgspec.structs.replace(known, mass=mass, asked_at=asked_at)
    return Held(brake, {item.entry.id: item for item in items})


def _released(known: Brake, now: datetime, until: datetime, by: str) -> Brake:
    mass = msgspec.structs.replace(known.mass, by=by)
    return msgspec.structs.replace(known, released_at=now, until=until, mass=mass)


def _let_go(known: Brake, items: list[Item], hidden: list[Entry], scene: Scene) -> Braked:
    """Told as one card until it got through everywhere, without what came after the second reading began."""
    until = known.until or known.at
    ours = [item for item in items if known.since <= came_about(item.entry) <= until]
    if not ours:
        return _over(_left(known, [], hidden, scene), scene)
    users = len({item.entry.subject_id for item in ours})
    mass = _mass(known.worse, ours, users, known.mass.limit, known.since, by=known.mass.by)
    brake = msgspec.structs.replace(known, mass=mass)
    return Braked(released=(Held(brake, {item.entry.id: item for item in ours}),))


def _over(known: Brake, scene: Scene) -> Braked:
    """Remembered until the routes that heard of it, and still are, know that it is over."""
    heard = known.heard_on.intersection(rule.name for rule in scene.routes)
    return Braked(returned=(known,)) if heard else Braked()


def _left(known: Brake, items: list[Item], hidden: list[Entry], scene: Scene) -> Brake:
    """Over, with how many are still as they became: what a cause explains meanwhile did not go back."""
    users = {item.entry.subject_id for item in items}
    users.update(entry.subject_id for entry in hidden if came_about(entry) >= known.since)
    mass = msgspec.structs.replace(known.mass, left=min(len(users), known.mass.users))
    return msgspec.structs.replace(known, mass=mass, over_at=scene.now)


def _mass(worse: bool, items: list[Item], users: int, limit: int, since: datetime, *, by: str = "") -> Mass:
    entries = [item.entry for item in items]
    return Mass(
        worse=worse,
        users=users,
        limit=limit,
        since=since,
        causes=_common(((_cause(entry),) for entry in entries), len(entries)),
        skus=_common((_skus(entry) for entry in entries), len(entries)),
        groups=_common((entry.groups for entry in entries), len(entries)),
        kinds=dict(Counter(f"{entry.kind}: {entry.state}" for entry in entries).most_common()),
        by=by,
        lost=_common((lost(entry) for entry in entries), len(entries)) if worse else (),
    )


def _cause(entry: Entry) -> str:
    return entry.cause if entry.ended is None else entry.ended.cause


def _skus(entry: Entry) -> tuple[str, ...]:
    """What the user lost, where that is known; else what the finding names."""
    return lost(entry) or entry.skus


def lost(entry: Entry) -> tuple[str, ...]:
    """SKUs that the user held before the finding opened or grew worse, and holds no more."""
    found = entry.facts.get(LOST)
    return tuple(map(str, found)) if isinstance(found, list | tuple) else ()


def _common(values: Iterable[Iterable[str]], total: int) -> tuple[str, ...]:
    """What at least nine in ten have, most frequent first."""
    counts = Counter(one for many in values for one in set(many) if one)
    return tuple(one for one, n in counts.most_common() if n >= SHARED_BY * total)


def wants_reading(brakes: Iterable[Brake], started_at: datetime | None) -> bool:
    """Whether a brake waits for a reading of all users that has not begun. `started_at`: of the newest one,
    which may be under way: asked for at each look, one would follow another and none ever be the last."""
    return any(
        one.asked_at is not None
        and one.released_at is None
        and (started_at is None or started_at <= one.asked_at)
        for one in brakes
    )
