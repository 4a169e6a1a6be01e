"""Health: one word, and each problem named for an administrator (design §5)."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.graph.faults import Fault
from sandbox.graph.operations import SetTenant
from sandbox.storage_proxy import Match
from shared.graph.subscription_plan import Record
from shared.ledger.records import Sweep, TenantRecord
from shared.model import Evidence, EvidenceStatus, TenantFacts
from shared.settings import load
from shared.watch import facts, health, subscriptions
from shared.watch.subscription_memory import Kept
from tests.test_settings import GOOD
from tests.watch.scene import Scene

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SETTINGS = load(GOOD)


def facts_of(age: timedelta, **evidence: Evidence) -> TenantFacts:
    return TenantFacts(tenant_id="t", observed_at=NOW - age, evidence=evidence)


def read_problems(record: TenantRecord) -> list[str]:
    return health._reading_problems(record, SETTINGS, NOW)


def record_of(resource: str, expires_at: datetime) -> Record:
    return Record(id=resource, resource=resource, fingerprint="f", renewed_at=NOW, expires_at=expires_at)


def test_nothing_is_late_before_anything_was_read() -> None:
    assert read_problems(TenantRecord(name="tenant")) == []
    assert health._subscription_problems(None, NOW) == []


def test_facts_are_late_after_three_intervals() -> None:
    in_time = TenantRecord(name="tenant", facts=facts_of(timedelta(hours=3)))
    late = TenantRecord(name="tenant", facts=facts_of(timedelta(hours=3, minutes=1)))
    assert read_problems(in_time) == []
    assert read_problems(late) == ["tenant facts were last read at 2026-11-22 08:59 UTC"]


@pytest.mark.parametrize("name", ["skus", "groups", "registration", "scope-groups"])
def test_a_missing_permission_is_named(name: str) -> None:
    piece = Evidence(status=EvidenceStatus.FORBIDDEN, permission="Some.Read.All")
    record = TenantRecord(name="tenant", facts=facts_of(timedelta(0), **{name: piece}))
    assert read_problems(record) == [
        f"{name} cannot be read: the app lacks the Graph permission Some.Read.All"
    ]


def test_the_permission_for_administrators_policy_is_optional() -> None:
    piece = Evidence(status=EvidenceStatus.FORBIDDEN, permission="Policy.Read.All")
    record = TenantRecord(name="tenant", facts=facts_of(timedelta(0), **{"admin-policy": piece}))
    assert read_problems(record) == []


def test_a_sweep_that_stands_still_for_half_an_hour_is_named_with_its_step() -> None:
    def swept(minutes: int, ended: datetime | None = None) -> TenantRecord:
        sweep = Sweep(
            id="s",
            started_at=NOW - timedelta(hours=5),
            step=4,
            touched_at=NOW - timedelta(minutes=minutes),
            ended_at=ended,
        )
        return TenantRecord(name="tenant", facts=facts_of(timedelta(0)), sweep=sweep)

    assert read_problems(swept(30)) == []
    assert read_problems(swept(31)) == ["the reading of all users stands still at step 4"]
    assert read_problems(swept(31, NOW)) == []


def test_a_missing_or_expired_subscription_is_named_and_so_is_what_failed() -> None:
    alive = record_of("users", NOW + timedelta(minutes=1))
    expired = record_of("groups", NOW)
    assert health._subscription_problems(Kept(at=NOW, records=(alive, expired)), NOW) == [
        "no Graph subscription on groups"
    ]
    both = (alive, record_of("groups", NOW + timedelta(days=1)))
    assert health._subscription_problems(Kept(at=NOW, records=both), NOW) == []
    failed = Kept(at=NOW, records=both, problems=("users: Forbidden",))
    assert health._subscription_problems(failed, NOW) == ["subscription users: Forbidden"]


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
        "tenant facts were last read at",
        "skus cannot be read: the app lacks the Graph permission Organization.Read.All",
        "1 message(s) in changed-users-poison",
        "1 message(s) in sweeps-poison",
        "no Graph subscription on users",
        "subscription users: Forbidden: Graph 403 ExtensionError",
        "message(s) to Teams have failed for more than 24 hours",
    ):
        assert named in text
    assert "no Graph subscription on groups" not in text
    assert "journal-poison" not in text
    shown = json.dumps(seen.detail())
    assert known.world.users[known.world.cast["admin"]].upn not in shown
    assert watch.settings.client_state not in shown


def test_what_has_never_begun_is_named_after_half_an_hour() -> None:
    nothing = TenantRecord(name="tenant")
    assert health._beginning_problems(nothing, None, timedelta(minutes=30)) == []
    assert health._beginning_problems(nothing, None, timedelta(minutes=31)) == [
        "the tenant's facts have never been read",
        "the Graph subscriptions have never been looked after",
    ]
    known = TenantRecord(name="tenant", facts=facts_of(timedelta(0)))
    assert health._beginning_problems(known, Kept(at=NOW), timedelta(hours=1)) == [
        "the first reading of all users has not begun"
    ]


@pytest.mark.real
async def test_storage_that_fails_and_blobs_that_cannot_be_read_are_problems_not_errors(known: Scene) -> None:
    manifest = known.watch.manifest
    table = f"{manifest.tenant_id}/{manifest.epoch}/telling"
    await known.watch.storage.ledger.put(table, b"not a table")
    seen = await health.look(known.watch)
    assert seen.status == "unwell"
    assert "notifier's table" in seen.problems[0]
    rule = known.proxy.answer(Match(path="^changed-users", nth=None), 403)
    seen = await health.look(known.watch)
    assert rule.hits
    assert (seen.status, seen.problems) == ("unwell", ("storage cannot be reached: HttpResponseError",))
