"""Health: one word, and each problem named for an administrator (design §5)."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from sandbox.graph.faults import Fault
from sandbox.graph.operations import SetTenant
from sandbox.storage_proxy import Match
from shared.graph.subscription_plan import Failed, Reason, Record
from shared.ledger.records import Sweep, TenantRecord
from shared.model import Evidence, EvidenceStatus, TenantFacts
from shared.settings import load
from shared.texts.catalogue import catalogue
from shared.watch import unwell
from shared.watch.hearing import subscriptions
from shared.watch.hearing.calls import Sums
from shared.watch.hearing.subscriptions import wanted
from shared.watch.messages import Seen
from shared.watch.subscription_memory import Held, Kept, Refused
from shared.watch.tenant_facts import facts
from shared.watch.users.delta_state import Delta, Gap
from shared.watch.wellbeing import health
from shared.watch.wellbeing import health_lines as lines
from shared.watch.wellbeing.overdue import SelfLook, Traces
from tests.settings.good_settings import GOOD
from tests.watch.scene import Scene

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SETTINGS = load(GOOD)
TEXTS = catalogue()


def facts_of(age: timedelta, **evidence: Evidence) -> TenantFacts:
    return TenantFacts(tenant_id="t", observed_at=NOW - age, evidence=evidence)


def record_of(resource: str, expires_at: datetime) -> Record:
    return Record(id=resource, resource=resource, fingerprint="f", renewed_at=NOW, expires_at=expires_at)


def test_nothing_is_shown_before_anything_was_read() -> None:
    assert (lines.sweep_shown(None), lines.delta_shown(None), lines.calls_shown(None)) == ({}, {}, {})
    assert lines.subscription_notes(None, TenantRecord(name="tenant"), NOW, TEXTS) == []
    assert lines.self_watch_problems(None, NOW, TEXTS) == []


def test_the_age_of_the_report_in_force_is_shown() -> None:
    piece = Evidence(status=EvidenceStatus.FAILED, read_at=NOW - timedelta(hours=30), tried_at=NOW)
    record = TenantRecord(name="tenant", facts=facts_of(timedelta(0), registration=piece))
    assert lines.registration_shown(None, record, NOW)["report_age_hours"] == 30.0


@pytest.mark.parametrize("name", ["skus", "groups", "registration"])
def test_a_missing_permission_is_named(name: str) -> None:
    piece = Evidence(status=EvidenceStatus.FORBIDDEN, permission="Some.Read.All")
    record = TenantRecord(name="tenant", facts=facts_of(timedelta(0), **{name: piece}))
    assert lines.permission_problems(record, SETTINGS, TEXTS) == [
        f"{name} cannot be read: the app lacks the Graph permission Some.Read.All, grant it"
    ]


def test_the_permission_for_administrators_policy_is_optional() -> None:
    piece = Evidence(status=EvidenceStatus.FORBIDDEN, permission="Policy.Read.All")
    record = TenantRecord(name="tenant", facts=facts_of(timedelta(0), **{"admin-policy": piece}))
    assert lines.permission_problems(record, SETTINGS, TEXTS) == []


def test_the_progress_of_a_sweep_is_shown_by_phase_and_percent_where_known() -> None:
    reading = Sweep(id="s", started_at=NOW, users=250, expected=1000, pages=3)
    judging = Sweep(id="s", started_at=NOW, users=1000, bucket=3, buckets=4)
    ended = Sweep(id="s", started_at=NOW, users=1000, ended_at=NOW)
    unknown = Sweep(id="s", started_at=NOW, users=250)
    shown = [lines.sweep_shown(one) for one in (reading, judging, ended, unknown)]
    assert [(one["phase"], one["percent"], one["users"]) for one in shown] == [
        ("reading", 25, 250),
        ("judging", 75, 1000),
        ("ended", 100, 1000),
        ("reading", None, 250),
    ]


def test_delta_is_shown_with_its_gap_and_without_its_link() -> None:
    gap = Gap(since=NOW, until=NOW, users=2, sample=("u",), longest_seconds=90.0, heard=5, mean_seconds=1.5)
    shown = lines.delta_shown(Delta(link="l", last_round_at=NOW, gap=gap, poison=3))
    assert (shown["gap"]["users"], shown["gap"]["mean_seconds"], shown["poison_taken_up"]) == (2, 1.5, 3)
    assert "link" not in shown


def test_what_is_zero_is_left_out_of_a_gap_however_it_was_counted() -> None:
    # Sums of nothing, as a round without anything heard counts them.
    none = Gap(since=NOW, until=NOW, users=1 - 1, longest_seconds=sum([0.5, -0.5]), mean_seconds=0.5 - 0.5)
    one = msgspec.structs.replace(none, users=1, sample=("u",), longest_seconds=60.0)
    shown = lines.delta_shown(Delta(link="l", last_round_at=NOW, gap=none, gaps=(one,)))
    assert set(shown["gap"]) == {"since", "until"}
    assert [set(gap) for gap in shown["gaps"]] == [{"since", "until", "users", "sample", "longest_seconds"}]


def test_what_mends_itself_is_a_note() -> None:
    def notes(**of: Any) -> list[str]:
        seen = Traces(began_at=NOW, record=TenantRecord(name="tenant"), **of)
        return lines.other_notes(seen, {"sweeps-poison": 0, "changed-users-poison": 2}, TEXTS)

    poison = "2 message(s) in changed-users-poison: the next run of delta takes them up again"
    [note] = notes()
    assert note.startswith(poison)
    [lost, _] = notes(delta=Delta(lost_at=NOW))
    assert lost.startswith("the chain of delta links is lost since 2026-11-22 12:00 UTC")
    kept = Kept(at=NOW, records=(record_of("users", NOW + timedelta(days=1)),))
    unheard = Delta(link="l", last_round_at=NOW, unheard=1, unheard_since=NOW)
    [silent, _] = notes(kept=kept, delta=unheard)
    assert silent.startswith("users changed and no notification of users came since 2026-11-22 12:00 UTC")


def test_a_missing_or_expired_subscription_is_a_note_and_so_is_what_failed_or_was_lost() -> None:
    def notes(kept: Kept, **of: Any) -> list[str]:
        return lines.subscription_notes(kept, TenantRecord(name="tenant", **of), NOW, TEXTS)

    alive = record_of("users", NOW + timedelta(minutes=1))
    expired = record_of("groups", NOW)
    [silent] = notes(Kept(at=NOW, records=(alive, expired)))
    assert silent.startswith("no Graph subscription on groups: it is tried again")
    # What is noted as a fault of the watch is said once, with what to do.
    assert notes(Kept(at=NOW, records=(alive, expired)), unwell={"subscription-groups": "address:"}) == []
    both = (alive, record_of("groups", NOW + timedelta(days=1)))
    assert notes(Kept(at=NOW, records=both)) == []
    assert notes(Kept(at=NOW, records=both, failed=(Failed(about="users", kind="Busy", status=503),))) == [
        "subscription users: Busy: Graph 503"
    ]
    lost = Kept(at=NOW, records=both, caught_up={"users": NOW - timedelta(days=6)})
    assert notes(lost) == [], "the first reading of all users reads it all"
    [note] = notes(lost, baseline_ended_at=NOW - timedelta(days=7))
    assert note.startswith("notifications of users may have been lost")
    assert notes(lost, baseline_ended_at=NOW - timedelta(days=5)) == []


def test_telling_that_stands_still_is_named_by_health_alone() -> None:
    def problems(ago: timedelta, gap: timedelta = timedelta(minutes=10)) -> list[str]:
        return lines.self_watch_problems(SelfLook(at=NOW - ago, up_since=NOW, gap=gap), NOW, TEXTS)

    assert problems(timedelta(hours=2)) == []
    [problem] = problems(timedelta(hours=2, minutes=1))
    assert "Function App › Functions › tell › Invocations" in problem
    assert problems(timedelta(hours=3), gap=timedelta(hours=2)) == []


def test_life_without_the_permission_for_groups_is_a_note_and_no_problem() -> None:
    kept = Kept(
        at=NOW,
        records=(record_of("users", NOW + timedelta(days=1)),),
        refused={"groups": Refused(permission="Group.Read.All", since=NOW, tried_at=NOW)},
        troubles={"groups": Held(reason=Reason.PERMISSION, since=NOW)},
        others=("x", "y"),
    )
    permission, others = lines.subscription_notes(kept, TenantRecord(name="tenant"), NOW, TEXTS)
    assert "without the Graph permission Group.Read.All (refused since 2026-11-22 12:00 UTC" in permission
    assert others == "2 subscription(s) of this app send to another address and are left alone: x, y"


ROTATING = load({**GOOD, "CLIENT_STATE_PREVIOUS": "the-previous-secret-of-these-tests-01234"})


def made(secret: str, at: datetime) -> Record:
    """A subscription on users under this secret."""
    want = wanted(ROTATING, secret)[0]
    return Record(
        id="s",
        resource="users",
        fingerprint=want.fingerprint,
        renewed_at=at,
        expires_at=at + timedelta(days=27),
        created_at=at,
    )


def test_each_subscription_is_shown_with_the_generation_of_its_secret() -> None:
    def shown(secret: str) -> str:
        kept = Kept(at=NOW, records=(made(secret, NOW),))
        return str(lines.subscriptions_shown(kept, ROTATING)["users"]["secret"])

    assert shown(ROTATING.client_state) == "current"
    assert shown(ROTATING.client_state_previous) == "previous"
    assert shown("a secret of long ago that nobody knows") == "unknown"


def test_health_says_when_the_previous_secret_can_be_removed() -> None:
    def advice(*records: Record, last: datetime | None = None, listed: datetime | None = NOW) -> str:
        sums = Sums(since=NOW, counts={"previous_secret": Seen(1, last)} if last else {})
        return lines.previous_secret(
            ROTATING, Kept(at=NOW, records=records, listed_at=listed), sums, NOW, TEXTS
        )

    long_ago = NOW - timedelta(hours=4)
    current, previous = ROTATING.client_state, ROTATING.client_state_previous
    assert lines.previous_secret(SETTINGS, None, None, NOW, TEXTS) == ""
    assert advice(listed=None).startswith(
        "Keep CLIENT_STATE_PREVIOUS: the subscriptions have not been looked"
    )
    assert (
        advice(made(previous, long_ago)) == "Keep CLIENT_STATE_PREVIOUS: not under CLIENT_STATE yet: users."
    )
    assert advice(made("somebody else's secret, who knows whose", long_ago)).endswith("users.")
    assert advice(made(current, NOW)).startswith("Keep CLIENT_STATE_PREVIOUS until 2026-11-22 16:00 UTC")
    assert advice(made(current, long_ago)) == (
        "CLIENT_STATE_PREVIOUS can be removed: no subscription is under it, no notification came under it."
    )
    late = NOW - timedelta(hours=1)
    assert advice(made(current, long_ago), last=late).startswith(
        "Keep CLIENT_STATE_PREVIOUS until 2026-11-22 15:00"
    )
    assert advice(made(current, long_ago), last=long_ago).endswith(
        "the last notification under it came at 2026-11-22 08:00 UTC."
    )


@pytest.mark.real
async def test_it_is_starting_until_the_baseline_has_ended_and_then_ok(scene: Scene) -> None:
    seen = await health.look(scene.watch)
    assert (seen.status, seen.problems, seen.users) == ("starting", (), 0)
    await facts.refresh(scene.watch)
    assert (await health.look(scene.watch)).status == "starting"
    await scene.begin()
    seen = await health.look(scene.watch)
    assert (seen.status, seen.problems, seen.users) == ("ok", (), 60)
    assert seen.facts_generation >= 1
    assert set(seen.subscriptions) == {"users", "groups"}
    assert {one["secret"] for one in seen.subscriptions.values()} == {"current"}
    assert (seen.sweep["phase"], seen.sweep["percent"], seen.sweep["users"]) == ("ended", 100, 60)
    assert seen.delta["alive"]
    assert (seen.notes, seen.previous_secret) == ((), "")
    assert json.loads(json.dumps(seen.detail()))["status"] == "ok"


@pytest.mark.real
async def test_a_tenant_that_cannot_be_counted_is_unwell(scene: Scene) -> None:
    await scene.control.fault(Fault(path="/users/$count", status=403, code="Authorization_RequestDenied"))
    seen = await health.look(scene.watch)
    assert seen.status == "unwell"
    [problem] = seen.problems
    assert problem.startswith("the tenant cannot be read: Forbidden: Graph 403 Authorization_RequestDenied")


@pytest.mark.real
async def test_every_problem_is_named_at_once(known: Scene) -> None:
    watch = known.watch
    await watch.storage.poison("changed-users").send("not json")
    await watch.storage.poison("sweeps").send("not json")
    await watch.notifier.tell(watch.now())  # Nobody listens where the cards are sent.
    roles = tuple(known.world.roles - {"Organization.Read.All"})
    await known.control.do(SetTenant(roles=roles))
    newcomer = await known.another().ready()
    known.clock.pass_by(minutes=2)
    await facts.refresh(newcomer)
    known.clock.pass_by(days=28)
    await known.control.fault(Fault(path="/subscriptions", method="POST", status=403, code="ExtensionError"))
    await subscriptions.keep(watch)
    seen = await health.look(watch)
    assert seen.status == "unwell"
    text = "\n".join(seen.problems)
    for named in (
        "The products, seats, settings and licensing groups of the tenant have not been read",
        "lack of a permission",
        "Graph refuses a subscription on users for lack of a permission",
        "message(s) have failed for more than 24 hours",
    ):
        assert named in text
    assert "subscription on groups" not in text
    noted = "\n".join(seen.notes)
    for named in (
        "1 message(s) in changed-users-poison",
        "1 message(s) in sweeps-poison",
        "subscription users: Forbidden: Graph 403 ExtensionError",
    ):
        assert named in noted
    assert "journal-poison" not in text
    shown = json.dumps(seen.detail())
    assert known.world.users[known.world.cast["admin"]].upn not in shown
    assert watch.settings.client_state not in shown


@pytest.mark.real
async def test_storage_that_fails_and_blobs_that_cannot_be_read_are_problems_not_errors(known: Scene) -> None:
    manifest = known.watch.manifest
    table = f"{manifest.tenant_id}/{manifest.epoch}/telling"
    await known.watch.storage.ledger.put(table, b"not a table")
    seen = await health.look(known.watch)
    assert seen.status == "unwell"
    assert "notifier's table" in seen.problems[0]
    assert "or delete the blob, and one card says anew how things stand" in seen.problems[0]
    rule = known.proxy.answer(Match(path="^changed-users", nth=None), 403)
    seen = await health.look(known.watch)
    assert rule.hits
    assert (seen.status, seen.problems) == ("unwell", ("storage cannot be reached: HttpResponseError",))


@pytest.mark.real
async def test_a_fault_of_the_watch_is_said_in_words_with_what_was_noted(known: Scene) -> None:
    await unwell.note(known.watch, {"sweep": "Forbidden 403 at step 7"})
    seen = await health.look(known.watch)
    assert seen.status == "unwell"
    [problem] = [one for one in seen.problems if "reading of all users" in one]
    assert problem.startswith(
        "Graph refuses a page of the reading of all users, again and again. Until everyone"
    )
    assert problem.endswith("(Forbidden 403 at step 7)")
    await unwell.note(known.watch, {"sweep": None})
    assert (await health.look(known.watch)).status == "ok"
