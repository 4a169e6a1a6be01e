"""What is overdue, found from what the jobs left behind; nothing of a watch that works (design §4.5)."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.graph.subscription_plan import Reason, Record
from shared.ledger.records import NamedGroup, Sweep, TenantRecord
from shared.model import Evidence, EvidenceStatus, TenantFacts
from shared.settings import load
from shared.texts.catalogue import catalogue
from shared.watch import details
from shared.watch.details import detail
from shared.watch.fault_codes import OVERDUE
from shared.watch.hearing.calls import Sums
from shared.watch.messages import Seen
from shared.watch.reach.registration_state import Reading
from shared.watch.subscription_memory import Held, Kept, Refused
from shared.watch.users import delta_state
from shared.watch.users.delta_state import Delta, Gap
from shared.watch.wellbeing.overdue import SelfLook, Stranded, Traces, overdue
from tests.settings.good_settings import GOOD

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SETTINGS = load(GOOD)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def subscription(resource: str, at: datetime) -> Record:
    return Record(
        id=resource,
        resource=resource,
        fingerprint="f",
        created_at=at,
        renewed_at=at,
        expires_at=at + 27 * DAY,
    )


def working(at: Callable[[str], datetime]) -> Traces:
    """What the jobs of a watch left behind that works; `at` says when each did its work last."""
    read = Evidence(read_at=at("registration"), tried_at=at("registration"))
    record = TenantRecord(
        name="tenant",
        facts=TenantFacts(tenant_id="t", observed_at=at("facts"), evidence={"registration": read}),
        sweep=Sweep(id="s", started_at=at("sweep"), touched_at=at("sweep"), ended_at=at("sweep")),
        baseline_ended_at=NOW - 90 * DAY,
        named={"g": NamedGroup(evidence=Evidence(read_at=at("named-groups"), tried_at=at("named-groups")))},
    )
    renewed = at("renewal")
    return Traces(
        began_at=NOW - 100 * DAY,
        record=record,
        kept=Kept(
            at=at("subscriptions"), records=(subscription("users", renewed), subscription("groups", renewed))
        ),
        delta=Delta(link="l", last_round_at=at("delta")),
        errors_at=at("errors"),
        tidied_at=at("housekeeping"),
        last_look=SelfLook(at=NOW, up_since=NOW - 90 * DAY),
        named=frozenset({"g"}),
    )


def fresh(**changes: Any) -> Traces:
    """A watch whose jobs all worked just now, but for these changes."""
    return msgspec.structs.replace(working(lambda _: NOW), **changes)


def record(**changes: Any) -> TenantRecord:
    return msgspec.structs.replace(fresh().record, **changes)


def found(traces: Traces, now: datetime = NOW) -> Mapping[str, str]:
    """All that is found: codes of ours only, each with something of ours to say."""
    seen = overdue(traces, SETTINGS, now)
    assert set(seen) <= set(OVERDUE)
    assert all(seen.values())
    return seen


INTERVALS = {
    "facts": SETTINGS.facts_every,
    "registration": SETTINGS.registration_every,
    "sweep": SETTINGS.sweep_every,
    "delta": SETTINGS.delta_every,
    "errors": SETTINGS.delta_every,
    "named-groups": SETTINGS.registration_every,
    "subscriptions": DAY,
    "housekeeping": DAY,
    "renewal": 13.5 * DAY,
}
"""How far back the last work of each job may lie in a watch that works."""


@given(st.fixed_dictionaries({name: st.floats(0, 1) for name in INTERVALS}), st.booleans())
def test_nothing_is_overdue_of_a_watch_whose_jobs_worked_within_their_intervals(
    shares: dict[str, float], up: bool
) -> None:
    traces = working(lambda name: NOW - shares[name] * INTERVALS[name])
    if not up:
        traces = msgspec.structs.replace(traces, last_look=None)
    assert found(traces) == {}


@given(st.sampled_from(sorted(INTERVALS)), st.floats(0, 60))
def test_whatever_job_is_dead_for_long_is_found_and_no_other(dead: str, days: float) -> None:
    codes = {
        "renewal": "subscription-missing",
        **{name: f"{name}-overdue" for name in INTERVALS if name != "renewal"},
    }
    ago = 3.5 * INTERVALS[dead] + days * DAY
    traces = working(lambda name: NOW - ago if name == dead else NOW)
    assert set(found(traces)) == {codes[dead]}


@pytest.mark.parametrize(
    ("code", "limit", "traces"),
    [
        ("facts-overdue", 3 * HOUR, working(lambda name: NOW if name == "facts" else NOW + DAY)),
        ("registration-overdue", 3 * DAY, working(lambda name: NOW if name == "registration" else NOW + DAY)),
        ("delta-overdue", 45 * MINUTE, working(lambda name: NOW if name == "delta" else NOW + DAY)),
        ("errors-overdue", 45 * MINUTE, working(lambda name: NOW if name == "errors" else NOW + DAY)),
        ("housekeeping-overdue", 3 * DAY, working(lambda name: NOW if name == "housekeeping" else NOW + DAY)),
        ("named-groups-overdue", 3 * DAY, working(lambda name: NOW if name == "named-groups" else NOW + DAY)),
        ("sweep-overdue", 8 * DAY, working(lambda name: NOW if name == "sweep" else NOW + 7 * DAY)),
        ("subscriptions-overdue", 3 * DAY, working(lambda n: NOW if n == "subscriptions" else NOW + DAY)),
        (
            "subscription-missing",
            27 * DAY + 3 * HOUR,
            working(lambda name: NOW if name == "renewal" else NOW + 27 * DAY),
        ),
    ],
)
def test_each_limit_is_kept_to_the_second(code: str, limit: timedelta, traces: Traces) -> None:
    assert code not in found(traces, NOW + limit)
    detail = found(traces, NOW + limit + timedelta(seconds=1))[code]
    assert re.search(r"20\d\d-\d\d-\d\d \d\d:\d\d UTC", detail)
    assert found(traces, NOW + limit + HOUR)[code] == detail, "while nothing happens nothing new is said"


# --- groups that exceptions and routes name ---------------------------------------------------------------


def naming(*groups: str, since: timedelta, **known: NamedGroup) -> Traces:
    """These are named and were not read when the watch first saw them, so long ago; `known`: by id."""
    look = SelfLook(at=NOW, up_since=NOW - 90 * DAY, untried=dict.fromkeys(groups, NOW - since))
    return fresh(record=record(named=known), named=frozenset((*groups, *known)), last_look=look)


def test_a_new_group_that_nobody_tries_to_read_is_found_and_named() -> None:
    assert found(naming("a", "b", since=45 * MINUTE)) == {}
    late = naming("a", "b", since=46 * MINUTE)
    assert found(late) == {"named-groups-overdue": detail("groups-never-read", ids="a, b")}
    many = naming(*"abcdefg", since=DAY)
    assert found(many) == {"named-groups-overdue": detail("groups-never-read-more", ids="a, b, c, d, e", n=2)}


def test_a_new_group_is_not_late_while_others_are_read_or_graph_puts_it_off_or_nothing_is_read_yet() -> None:
    read = NamedGroup(evidence=Evidence(read_at=NOW, tried_at=NOW))
    assert found(naming("a", since=DAY, g=read)) == {}
    assert found(naming("a", since=DAY, a=NamedGroup(begun_at=NOW, put_off_until=NOW + HOUR))) == {}
    assert set(found(naming("a", since=DAY, a=NamedGroup(begun_at=NOW)))) == {"named-groups-overdue"}
    nothing = naming("a", since=DAY)
    nothing = msgspec.structs.replace(nothing, record=msgspec.structs.replace(nothing.record, facts=None))
    assert "named-groups-overdue" not in found(nothing)


def test_a_group_that_nobody_names_any_more_is_not_missed() -> None:
    old = Evidence(read_at=NOW - 9 * DAY, tried_at=NOW - 9 * DAY)
    assert found(fresh(record=record(named={"g": NamedGroup(evidence=old)}), named=frozenset())) == {}


@pytest.mark.parametrize(
    ("setting", "name"),
    [("FACTS_EVERY", "facts"), ("DELTA_EVERY", "delta"), ("REGISTRATION_EVERY", "registration")],
)
def test_an_interval_shorter_than_the_schedule_makes_nobody_late(setting: str, name: str) -> None:
    often = load({**GOOD, setting: "1m"})
    assert overdue(working(lambda one: NOW - 29 * MINUTE if one == name else NOW), often, NOW) == {}
    late = overdue(working(lambda one: NOW - 31 * MINUTE if one == name else NOW), often, NOW)
    assert set(late) == {f"{name}-overdue"}


# --- what never began, and what stands still --------------------------------------------------------------


def test_what_has_never_begun_is_found_after_half_an_hour() -> None:
    nothing = Traces(began_at=NOW, record=TenantRecord(name="tenant"))
    assert found(nothing, NOW + 30 * MINUTE) == {}
    later = NOW + 31 * MINUTE
    assert found(nothing, later) == {
        "facts-overdue": "never-read",
        "subscriptions-overdue": "never-looked",
    }
    read = msgspec.structs.replace(
        nothing, record=record(sweep=None, baseline_ended_at=None), kept=Kept(at=later)
    )
    assert found(read, later) == {"sweep-overdue": "not-begun"}
    reads = Reading(id="r", policy="p", began_at=NOW, due_at=later, sources=(), audit_since=NOW)
    assert found(msgspec.structs.replace(read, reading=reads), later) == {}, "it waits for the report"


def test_a_sweep_that_stands_still_is_found_with_its_step_unless_graph_put_it_off() -> None:
    def swept(**changes: Any) -> Traces:
        sweep = Sweep(id="s", started_at=NOW - 5 * HOUR, step=4, touched_at=NOW - 31 * MINUTE)
        return fresh(record=record(sweep=msgspec.structs.replace(sweep, **changes)))

    assert found(swept()) == {
        "sweep-overdue": detail("stands-still-in", step=4, phase="reading", at="2026-11-22 11:29 UTC")
    }
    assert found(swept(touched_at=NOW - 30 * MINUTE)) == {}
    assert found(swept(ended_at=NOW)) == {}
    assert found(swept(woken_at=NOW)).keys() == {"sweep-overdue"}, "to be asked for in vain is no progress"
    put_off = swept(waits_until=NOW + MINUTE)
    assert found(put_off) == found(put_off, NOW + 31 * MINUTE) == {}
    assert found(put_off, NOW + 32 * MINUTE).keys() == {"sweep-overdue"}


def test_a_reading_of_the_report_that_is_asked_for_in_vain_again_and_again_is_found() -> None:
    def begun(minutes: int, **fields: Any) -> Traces:
        due = NOW - minutes * MINUTE
        reading = Reading(
            id="r", policy="p", began_at=due, due_at=due, sources=(), audit_since=NOW, step=9, **fields
        )
        return fresh(reading=reading)

    assert found(begun(30)) == {}
    assert found(begun(31)) == {
        "registration-overdue": detail("stands-still", step=9, at="2026-11-22 11:29 UTC")
    }
    assert found(begun(31, ended_at=NOW)) == {}
    assert found(begun(1, stands_since=NOW - HOUR)).keys() == {"registration-overdue"}


# --- what follows from a fault that is noted ----------------------------------------------------------------


@pytest.mark.parametrize("cause", ["delta", "registration", "sweep"])
def test_what_follows_from_a_noted_fault_is_not_found_besides_but_neither_called_fixed(cause: str) -> None:
    code = f"{cause}-overdue"
    traces = working(lambda name: NOW - 60 * DAY if name == cause else NOW)
    assert found(traces).keys() == {code}
    for unwell, expected in (({cause: "x"}, set()), ({cause: "x", code: "y"}, {code})):
        noted = msgspec.structs.replace(traces.record, unwell=unwell)
        assert found(msgspec.structs.replace(traces, record=noted)).keys() == expected


def test_a_tenant_without_p1_waits_for_no_report() -> None:
    gone = Evidence(status=EvidenceStatus.NOT_PREMIUM, read_at=NOW - 9 * DAY, tried_at=NOW)
    facts = TenantFacts(tenant_id="t", observed_at=NOW, evidence={"registration": gone})
    assert found(fresh(record=record(facts=facts))) == {}


def test_a_permission_that_was_taken_away_is_found_until_that_is_read_again() -> None:
    settings = load({**GOOD, "SSPR_SCOPE": "groups:11111111-1111-4111-8111-111111111111"})

    def seen(noted: Mapping[str, str] | None = None, **fields: Any) -> Mapping[str, str]:
        piece = Evidence(tried_at=NOW, **fields)
        facts = TenantFacts(tenant_id="t", observed_at=NOW, evidence={"scope-groups": piece})
        return overdue(fresh(record=record(facts=facts, unwell=noted or {})), settings, NOW)

    refused: dict[str, Any] = {"status": EvidenceStatus.FORBIDDEN, "permission": "GroupMember.Read.All"}
    noted = {"readings-refused": detail("needs", name="scope-groups", permission="GroupMember.Read.All")}
    assert seen(read_at=NOW - DAY, **refused) == noted
    assert seen(**refused) == {}, "what could never be read is missing evidence"
    assert seen(read_at=NOW - DAY, status=EvidenceStatus.FAILED) == {}
    assert seen(noted, read_at=NOW - DAY, status=EvidenceStatus.FAILED) == noted
    assert seen(noted, read_at=NOW) == {}
    assert found(fresh(record=record(unwell=noted))) == {}, "nobody reads scope groups any more"


def test_a_refusal_that_is_optional_or_noted_otherwise_is_not_found() -> None:
    for name, unwell in (("admin-policy", {}), ("groups", {"groups": "permission:"})):
        piece = Evidence(status=EvidenceStatus.FORBIDDEN, permission="Some.Read.All", read_at=NOW)
        facts = TenantFacts(tenant_id="t", observed_at=NOW, evidence={name: piece})
        assert found(fresh(record=record(facts=facts, unwell=unwell))) == {}


# --- subscriptions and notifications ------------------------------------------------------------------------


def test_a_subscription_that_somebody_tries_to_have_is_noted_by_who_tries() -> None:
    old = subscription("users", NOW - 60 * DAY)
    there = subscription("groups", NOW)
    held = Held(reason=Reason.ADDRESS, since=NOW)
    lost = fresh(kept=Kept(at=NOW, records=(old, there)))
    assert found(lost) == {
        "subscription-missing": detail("gone-since", name="users", at="2026-10-20 12:00 UTC")
    }
    tried = fresh(kept=Kept(at=NOW, records=(old, there), troubles={"users": held}))
    assert found(tried) == {}
    noted = record(
        unwell={"subscription-missing": detail("gone-since", name="users", at="2026-10-20 12:00 UTC")}
    )
    assert found(msgspec.structs.replace(tried, record=noted)).keys() == {"subscription-missing"}
    assert found(fresh(record=noted)) == {}


def test_nobody_misses_a_subscription_that_the_watch_does_without() -> None:
    kept = Kept(
        at=NOW - DAY,
        records=(subscription("users", NOW),),
        refused={"groups": Refused(permission="Group.Read.All", since=NOW, tried_at=NOW)},
        troubles={"groups": Held(reason=Reason.PERMISSION, since=NOW)},
    )
    assert found(fresh(kept=kept)) == {}


def rounds(*counts: tuple[int, int], state: Delta | None = None, every: timedelta = 8 * HOUR) -> Delta:
    """The delta state after rounds that missed and heard of so many users, the last of them now."""
    state = state or Delta(link="l", last_round_at=NOW)
    for number, (missed, heard) in enumerate(counts):
        until = NOW - (len(counts) - 1 - number) * every
        state = delta_state.counted(state, Gap(since=until - every, until=until, users=missed, heard=heard))
    return state


def hears(delta: Delta, **changes: Any) -> Mapping[str, str]:
    long_ago = NOW - 10 * DAY
    kept = Kept(at=NOW, records=(subscription("users", long_ago), subscription("groups", long_ago)))
    return found(fresh(**{"delta": delta, "kept": kept, **changes}))


def test_silence_is_found_after_three_counts_with_somebody_missed_and_a_day_without_a_word() -> None:
    silent = {"notifications-silent": detail("unheard-since", at="2026-11-21 04:00 UTC")}
    assert hears(rounds((1, 0), (2, 0), (1, 0), (3, 0))) == silent
    assert hears(rounds((1, 0), (0, 0), (1, 0), (3, 0))) == silent, "a round without changes says nothing"
    assert hears(rounds((0, 0), (1, 0), (0, 0), (3, 0), every=2 * DAY)) == {}, "too few to be sure"
    assert hears(rounds((1, 0), (2, 0), (1, 0), every=HOUR)) == {}, "too short to be sure"
    assert hears(rounds((1, 0), (2, 0), (1, 0), (3, 1))) == {}
    assert hears(rounds((1, 0), (2, 1), (1, 0), (3, 0))) == {}


def test_whatever_arrives_ends_the_silence_also_about_what_did_not_change_a_verdict() -> None:
    delta = rounds((1, 0), (2, 0), (1, 0), (3, 0))

    def came(at: datetime, subscription_id: str = "users") -> Sums:
        return Sums(since=NOW, subscriptions={subscription_id: Seen(1, at)})

    assert hears(delta, calls=came(NOW - HOUR)) == {}
    assert hears(delta, calls=came(NOW - 9 * DAY)).keys() == {"notifications-silent"}
    assert hears(delta, calls=came(NOW - HOUR, "groups")).keys() == {"notifications-silent"}


def test_silence_is_no_riddle_where_there_is_no_subscription_or_only_a_young_one() -> None:
    delta = rounds((1, 0), (2, 0), (1, 0), (3, 0))
    young = Kept(at=NOW, records=(subscription("users", NOW - HOUR), subscription("groups", NOW)))
    none = Kept(at=NOW, troubles={name: Held(reason=Reason.QUOTA, since=NOW) for name in ("users", "groups")})
    assert hears(delta, kept=young) == hears(delta, kept=none) == {}
    # But a subscription that is made anew has mended nothing until something arrives.
    noted = record(unwell={"notifications-silent": "nothing heard since then"})
    assert hears(delta, kept=young, record=noted) == noted.unwell
    assert hears(rounds((0, 1), state=delta), kept=young, record=noted) == {}


def test_a_quiet_tenant_stays_quiet_for_thirty_days_also_when_a_change_is_missed_now_and_then() -> None:
    delta = Delta(link="l", last_round_at=NOW)
    steps = int(30 * DAY / (10 * MINUTE))
    for step in range(steps):
        now = NOW + step * 10 * MINUTE

        def last(name: str, now: datetime = now) -> datetime:
            """The last multiple of the job's interval."""
            return now - (now - NOW) % INTERVALS[name]

        if step % 6 == 0:
            # Every fourth day somebody is missed, and every other day somebody is heard of.
            gap = Gap(since=now - HOUR, until=now, users=int(step % 576 == 0), heard=int(step % 288 == 6))
            delta = delta_state.counted(delta, gap)
        traces = working(last)
        seen = msgspec.structs.replace(delta, last_round_at=last("delta"))
        assert found(msgspec.structs.replace(traces, delta=seen), now) == {}


# --- the app itself -----------------------------------------------------------------------------------------


def test_after_the_app_stood_still_each_job_has_its_limit_anew() -> None:
    for name, code, patience in (
        ("delta", "delta-overdue", 45 * MINUTE),
        ("facts", "facts-overdue", 3 * HOUR),
        ("registration", "registration-overdue", 3 * HOUR),
    ):
        dead = working(lambda one, name=name: NOW - 40 * DAY if one == name else NOW)  # type: ignore[misc]  # bound at once
        for up, expected in ((patience, {code}), (patience - MINUTE, set())):
            look = SelfLook(at=NOW, up_since=NOW - up)
            assert found(msgspec.structs.replace(dead, last_look=look)).keys() == expected


def test_news_that_lie_unpublished_for_half_an_hour_are_found_with_at_most_five_books() -> None:
    def seen(books: int, age: timedelta) -> Mapping[str, str]:
        outboxes = {f"users/{number:04x}": Stranded("etag", NOW - age) for number in range(books)}
        return found(fresh(last_look=SelfLook(at=NOW, up_since=NOW - 90 * DAY, outboxes=outboxes)))

    assert seen(2, 30 * MINUTE) == {}
    assert seen(2, 31 * MINUTE) == {"outbox-stranded": "users/0000, users/0001"}
    assert details.in_words(seen(7, HOUR)["outbox-stranded"], catalogue()).endswith("users/0004 and 2 more")
