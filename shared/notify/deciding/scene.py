"""What the notifier's decision looks at beside its table: the clock, the settings, the tenant. Data only."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from shared.notify.deciding.routing import RouteRule
from shared.notify.entries import Entry
from shared.notify.exceptions.exemptions import Exemption

RULES = "rules"
"""Among the choices: the rules of the release, as a digest. Nobody's setting, but a change."""


class Telling(msgspec.Struct, frozen=True, kw_only=True):
    """Patience and taste (judgement.md §6).

    `confirm_after`: how long a finding must last. `group_wait`, `group_wait_max`: how long a group is
    awaited. `single_cards`: how many get a card each. `mass_window`: within which many users changing is a
    mass change. `remind_after`: when an open finding is told again; zero: never. `digest_every`: how often a
    digest is due, zero: never; it falls on `digest_at` after Monday 00:00 UTC, and every so often from there.
    """

    confirm_after: timedelta = timedelta(minutes=15)
    group_wait: timedelta = timedelta(seconds=60)
    group_wait_max: timedelta = timedelta(minutes=10)
    single_cards: int = 5
    mass_window: timedelta = timedelta(minutes=30)
    remind_after: timedelta = timedelta(days=7)
    digest_every: timedelta = timedelta(days=7)
    digest_at: timedelta = timedelta(hours=8)


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """The last complete reading of all users."""

    started_at: datetime
    ended_at: datetime


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody lets go what the brake holds; with `discard` it counts as told, and no card is sent."""

    at: datetime
    by: str = ""
    discard: bool = False


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """Everything else that `decide` may look at.

    `baseline_ended_at`: when the first complete reading ended, None before it. `holds`: ids of users who are
    members of a group whose licensing job is running. `routes`: all of them. `exemptions`: all agreed ones,
    those that have ended too. `memberships`: user id to the groups that exceptions and routes name;
    `untried`: those of the routes that nobody has tried to read yet; a new route waits for them, for
    `await_at_most`. `users`: how many there are, None if not counted. `reading`: the last complete one, if
    any; `reading_began`: when the newest began, which may be under way. `release`: the last order of an
    administrator. `choices`: the policy's fields as text; `read_as`: how each SKU is read. `settled`:
    everybody was judged under these.
    """

    now: datetime
    baseline_ended_at: datetime | None = None
    holds: frozenset[str] = frozenset()
    routes: tuple[RouteRule, ...] = (RouteRule(),)
    exemptions: tuple[Exemption, ...] = ()
    memberships: Mapping[str, frozenset[str]] = {}
    untried: frozenset[str] = frozenset()
    await_at_most: timedelta = timedelta(minutes=45)
    users: int | None = None
    reading: Reading | None = None
    reading_began: datetime | None = None
    release: Release | None = None
    choices: Mapping[str, str] = {}
    read_as: Mapping[str, str] = {}
    settled: bool = True


def came_about(entry: Entry) -> datetime:
    """When what there is to say of the finding came about: it opened, changed or ended."""
    return entry.ended.at if entry.ended is not None else max(entry.since, entry.changed_at)


def came_to_light(entry: Entry) -> datetime:
    """When the notifier learned of it: it may have stood still, or the journal come late."""
    return entry.read_at or came_about(entry)


def came_up(entry: Entry) -> datetime:
    """When it came about, or what muted or held it until then went away."""
    at = came_about(entry)
    return at if entry.ended is not None or entry.released_at is None else max(at, entry.released_at)
