"""Subscriptions at Graph: what is sent, and that a run ends with what is wanted."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import unquote

import pytest

from shared.graph.errors import Conflict, Forbidden, NotFound, Unavailable
from shared.graph.subscription_plan import LIFETIME, QUOTA, Reason, Record, Subscription, Wanted
from shared.graph.subscriptions import (
    Trouble,
    create,
    delete,
    get_subscription,
    list_subscriptions,
    renew,
    settle,
)
from shared.model import zulu
from tests.graph.stub_graph import AT, Bench, Reply, Seen, error, oid

OURS, THEIRS = "https://watch.example/api/graph/notifications", "https://other.example/hook"
LIFE = "https://watch.example/api/graph/lifecycle"
USERS = Wanted(resource="users", notification_url=OURS, lifecycle_url=LIFE, client_state="the-secret")
GROUPS = Wanted(resource="groups", notification_url=OURS, lifecycle_url=LIFE, client_state="the-secret")
S1 = oid(1, "c")
RECORD = Record(
    id=S1, resource="users", fingerprint=USERS.fingerprint, renewed_at=AT, expires_at=AT + LIFETIME
)


class Service:
    """Graph's subscription service in a dictionary, with 409 and LIST that hides clientState."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Any]] = {}
        self.made = 10
        self.failures: list[tuple[str, Reply]] = []

    def add(self, **fields: Any) -> str:
        self.made += 1
        subscription_id = oid(self.made, "c")
        self.kept[subscription_id] = {"changeType": "updated,deleted", **fields, "id": subscription_id}
        return subscription_id

    def __call__(self, seen: Seen) -> Reply:
        if self.failures and self.failures[0][0] == seen.method:
            return self.failures.pop(0)[1]
        subscription_id = unquote(seen.target.split("/")[-1])
        if seen.method == "GET" and subscription_id == "subscriptions":
            return Reply({"value": [{**one, "clientState": None} for one in self.kept.values()]})
        if seen.method == "POST":
            wanted = seen.json
            if any(one["resource"] == wanted["resource"] for one in self.kept.values()):
                return error(409, "ExtensionError")
            return Reply(self.kept[self.add(**wanted)], status=201)
        if subscription_id not in self.kept:
            return error(404, "ResourceNotFound")
        if seen.method == "DELETE":
            del self.kept[subscription_id]
            return Reply(b"", status=204)
        if seen.method == "PATCH":
            self.kept[subscription_id].update(seen.json)
        return Reply(self.kept[subscription_id])


@pytest.fixture
def service(at_bench: Bench) -> Service:
    made = Service()
    at_bench.stub.route = made
    return made


async def test_a_creation_says_all_that_graph_wants(at_bench: Bench, service: Service) -> None:
    made = await create(at_bench.session, USERS, AT)
    assert at_bench.stub.seen[0].json == {
        "changeType": "updated,deleted",
        "resource": "users",
        "notificationUrl": OURS,
        "lifecycleNotificationUrl": LIFE,
        "expirationDateTime": "2026-12-19T12:00:00Z",
        "clientState": "the-secret",
        "latestSupportedTlsVersion": "v1_2",
    }
    assert at_bench.stub.seen[0].headers["content-type"] == "application/json"
    assert (made.id, made.fingerprint) == (next(iter(service.kept)), USERS.fingerprint)
    assert (made.renewed_at, made.expires_at) == (AT, datetime(2026, 12, 19, 12, tzinfo=UTC))
    assert "the-secret" not in repr(made)


async def test_the_expiry_that_graph_grants_is_the_one_that_counts(at_bench: Bench) -> None:
    granted = {"id": S1, "resource": "users", "expirationDateTime": "2026-11-25T00:00:00+00:00"}
    at_bench.stub.replies = [Reply(granted, status=201), Reply(granted)]
    expires_at = datetime(2026, 11, 25, tzinfo=UTC)
    assert (await create(at_bench.session, USERS, AT)).expires_at == expires_at
    assert (await renew(at_bench.session, RECORD, AT)).expires_at == expires_at


async def test_a_renewal_is_one_patch_of_the_expiry(at_bench: Bench, service: Service) -> None:
    made = await create(at_bench.session, USERS, AT)
    later = AT + timedelta(days=14)
    renewed = await renew(at_bench.session, made, later)
    patch = at_bench.stub.seen[1]
    assert (patch.method, patch.target) == ("PATCH", f"/v1.0/subscriptions/{made.id}")
    assert patch.json == {"expirationDateTime": "2027-01-02T12:00:00Z"}
    assert (renewed.id, renewed.renewed_at, renewed.expires_at) == (made.id, later, later + LIFETIME)


async def test_the_kinds_of_refusal_reach_the_caller(at_bench: Bench, service: Service) -> None:
    with pytest.raises(NotFound):
        await renew(at_bench.session, RECORD, AT)
    await create(at_bench.session, USERS, AT)
    with pytest.raises(Conflict):
        await create(at_bench.session, USERS, AT)
    service.failures = [("POST", error(403, "ExtensionError"))]
    with pytest.raises(Forbidden):
        await create(at_bench.session, GROUPS, AT)


async def test_a_creation_that_ends_in_doubt_is_not_sent_twice(at_bench: Bench, service: Service) -> None:
    service.failures = [("POST", Reply(b"<html></html>", status=504))]
    with pytest.raises(Unavailable):
        await create(at_bench.session, USERS, AT)
    assert [seen.method for seen in at_bench.stub.seen] == ["POST"]


async def test_get_list_and_delete(at_bench: Bench, service: Service) -> None:
    made = await create(at_bench.session, USERS, AT)
    one = await get_subscription(at_bench.session, made.id)
    assert one is not None
    assert (one.id, one.client_state, one.notification_url) == (made.id, "the-secret", OURS)
    assert [found.client_state for found in await list_subscriptions(at_bench.session)] == [None]
    await delete(at_bench.session, made.id)
    await delete(at_bench.session, made.id)
    assert await get_subscription(at_bench.session, made.id) is None


@pytest.mark.parametrize("trick", ["../users", "x", "", f"{S1}/reauthorize"])
async def test_an_id_that_is_no_guid_is_refused(at_bench: Bench, trick: str) -> None:
    with pytest.raises(ValueError, match="GUID"):
        await delete(at_bench.session, trick)
    assert at_bench.stub.seen == []


def test_times_are_utc_with_z() -> None:
    east = timezone(timedelta(hours=2))
    assert zulu(datetime(2026, 1, 1, 1, 30, 5, 99, tzinfo=east)) == "2025-12-31T23:30:05Z"
    with pytest.raises(ValueError, match="time zone"):
        zulu(datetime(2026, 1, 1))  # noqa: DTZ001  # the naive time is what must be refused


# --- a run --------------------------------------------------------------------------------------------------


async def test_the_first_run_creates_and_the_second_does_nothing(at_bench: Bench, service: Service) -> None:
    first = await settle(at_bench.session, [], [USERS, GROUPS], AT)
    assert first.done == ["users: created (missing)", "groups: created (missing)"]
    assert (first.lost, first.failed, first.troubles) == ({"users", "groups"}, [], {})
    assert {record.id for record in first.records} == set(service.kept)
    second = await settle(at_bench.session, first.records, [USERS, GROUPS], AT + timedelta(days=1))
    assert (second.done, second.lost, second.records) == ([], set(), first.records)


async def test_a_run_at_half_life_renews_and_loses_nothing(at_bench: Bench, service: Service) -> None:
    first = await settle(at_bench.session, [], [USERS], AT)
    later = AT + LIFETIME / 2
    second = await settle(at_bench.session, first.records, [USERS], later)
    assert (second.done, second.lost) == (["users: renewed (half-life)"], set())
    assert [record.expires_at for record in second.records] == [later + LIFETIME]


async def test_one_that_vanished_before_its_renewal_is_created_anew(
    at_bench: Bench, service: Service
) -> None:
    first = await settle(at_bench.session, [], [USERS], AT)
    lost_id = first.records[0].id

    def vanish(seen: Seen) -> Reply:
        if seen.method == "PATCH":
            service.kept.pop(lost_id)
        return service(seen)

    at_bench.stub.route = vanish
    second = await settle(at_bench.session, first.records, [USERS], AT + LIFETIME / 2)
    assert (second.done, second.lost) == (["users: created (gone)"], {"users"})
    assert [record.id for record in second.records] == list(service.kept)


async def test_recorded_ones_are_looked_at_by_id_and_the_list_is_read_only_if_asked_for(
    at_bench: Bench, service: Service
) -> None:
    first = await settle(at_bench.session, [], [USERS, GROUPS], AT)
    del at_bench.stub.seen[:]
    quiet = await settle(at_bench.session, first.records, [USERS, GROUPS], AT, listing=False)
    targets = [seen.target for seen in at_bench.stub.seen]
    assert targets == [f"/v1.0/subscriptions/{record.id}" for record in first.records]
    assert (quiet.done, quiet.failed, quiet.others) == ([], [], None)
    del at_bench.stub.seen[:]
    full = await settle(at_bench.session, first.records, [USERS, GROUPS], AT)
    assert [seen.target for seen in at_bench.stub.seen if seen.target.endswith("/subscriptions")] == [
        "/v1.0/subscriptions"
    ]
    assert (full.done, full.others) == ([], ())


async def test_one_that_is_gone_is_found_without_being_asked_to_read_the_list(
    at_bench: Bench, service: Service
) -> None:
    first = await settle(at_bench.session, [], [USERS], AT)
    service.kept.clear()
    second = await settle(at_bench.session, first.records, [USERS], AT, listing=False)
    assert (second.done, second.lost) == (["users: created (gone)"], {"users"})


async def test_one_that_is_gone_and_cannot_be_made_anew_is_not_recorded_any_more(
    at_bench: Bench, service: Service
) -> None:
    first = await settle(at_bench.session, [], [USERS], AT)
    service.kept.clear()
    service.failures = [("POST", error(403, "ExtensionError"))]
    run = await settle(at_bench.session, first.records, [USERS], AT)
    assert (run.records, run.lost) == ((), set())


async def test_a_second_one_beside_the_recorded_is_deleted_and_nothing_counts_as_lost(
    at_bench: Bench, service: Service
) -> None:
    first = await settle(at_bench.session, [], [USERS], AT)
    double = service.add(resource="/users", notificationUrl=OURS)
    second = await settle(at_bench.session, first.records, [USERS], AT)
    assert second.done == [f"{double}: deleted (stray)"]
    assert (second.lost, second.records) == (set(), first.records)
    assert list(service.kept) == [first.records[0].id]


async def test_one_to_be_reauthorized_is_renewed_and_the_other_left_alone(
    at_bench: Bench, service: Service
) -> None:
    first = await settle(at_bench.session, [], [USERS, GROUPS], AT)
    later = AT + timedelta(days=1)
    ids = {record.resource: record.id for record in first.records}
    second = await settle(at_bench.session, first.records, [USERS, GROUPS], later, urgent=[ids["groups"]])
    assert (second.done, second.lost) == (["groups: renewed (reauthorize)"], set())


async def test_a_resource_that_waits_costs_neither_list_nor_creation(
    at_bench: Bench, service: Service
) -> None:
    run = await settle(at_bench.session, [], [GROUPS], AT, listing=False, waiting={"groups"})
    assert (run.done, run.failed, run.records, at_bench.stub.seen) == ([], [], (), [])
    service.add(resource="groups", notificationUrl=OURS)
    run = await settle(at_bench.session, [], [GROUPS], AT, waiting={"groups"})
    assert run.done == ["groups: replaced (unrecorded)"]


async def test_one_that_may_not_be_looked_at_is_left_as_it_is(at_bench: Bench, service: Service) -> None:
    first = await settle(at_bench.session, [], [USERS], AT)
    service.failures = [("GET", error(403, "ExtensionError"))]
    run = await settle(at_bench.session, first.records, [USERS], AT + LIFETIME / 2)
    assert run.troubles == {"users": Trouble(reason=Reason.PERMISSION)}
    assert (run.done, run.records) == ([], first.records)


async def test_one_that_cannot_be_looked_at_now_is_believed(at_bench: Bench, service: Service) -> None:
    first = await settle(at_bench.session, [], [USERS], AT)
    del at_bench.stub.seen[:]
    service.failures = [("GET", error(501, "NotImplemented"))]
    run = await settle(at_bench.session, first.records, [USERS], AT, listing=False)
    assert (run.done, run.troubles, run.records) == ([], {}, first.records)
    assert [str(one) for one in run.failed] == ["users: Unavailable: Graph 501 NotImplemented"]


async def test_a_full_quota_is_told_from_a_missing_permission(at_bench: Bench, service: Service) -> None:
    for _ in range(QUOTA):
        service.add(resource="groups/x", notificationUrl=THEIRS)
    service.failures = [("POST", error(403, "ExtensionError"))]
    run = await settle(at_bench.session, [], [USERS], AT)
    assert run.troubles == {"users": Trouble(reason=Reason.QUOTA)}


async def test_an_address_that_graph_does_not_accept_is_told_as_such(
    at_bench: Bench, service: Service
) -> None:
    service.failures = [("POST", error(400, "ValidationError"))]
    run = await settle(at_bench.session, [], [USERS], AT)
    assert run.troubles == {"users": Trouble(reason=Reason.ADDRESS)}


async def test_a_conflict_while_the_list_cannot_be_read_accuses_nobody(
    at_bench: Bench, service: Service
) -> None:
    service.add(resource="users", notificationUrl=OURS)
    service.failures = [("GET", error(403, "Denied")), ("POST", error(409, "Conflict"))]
    service.failures += [("GET", error(403, "Denied"))]
    run = await settle(at_bench.session, [], [USERS], AT)
    assert run.troubles == {"users": Trouble(reason=Reason.FAILED)}
    again = await settle(at_bench.session, run.records, [USERS], AT)
    assert again.done == ["users: replaced (unrecorded)"]


async def test_a_creation_in_doubt_is_mended_by_the_next_run(at_bench: Bench, service: Service) -> None:
    stray = service.add(resource="users", notificationUrl=OURS)
    run = await settle(at_bench.session, [], [USERS], AT)
    assert run.done == ["users: replaced (unrecorded)"]
    assert stray not in service.kept
    assert [record.id for record in run.records] == list(service.kept)


async def test_a_conflict_that_the_list_did_not_show_is_recovered_once(
    at_bench: Bench, service: Service
) -> None:
    stray = service.add(resource="users", notificationUrl=OURS)
    service.failures = [("GET", Reply({"value": []}))]
    run = await settle(at_bench.session, [], [USERS], AT)
    assert run.done == ["users: replaced (conflict)"]
    assert stray not in service.kept


async def test_one_that_sends_elsewhere_is_reported_and_stays(at_bench: Bench, service: Service) -> None:
    other = service.add(resource="users", notificationUrl=THEIRS)
    run = await settle(at_bench.session, [], [USERS, GROUPS], AT)
    assert [str(one) for one in run.failed] == [f"users: conflict, in the way: {other}"]
    assert run.troubles == {"users": Trouble(reason=Reason.IN_THE_WAY, ids=(other,))}
    assert run.others == (other,)
    assert other in service.kept
    assert run.done == ["groups: created (missing)"]


async def test_a_refused_action_leaves_the_others_to_go_on(at_bench: Bench, service: Service) -> None:
    service.failures = [("POST", error(403, "ExtensionError"))]
    run = await settle(at_bench.session, [], [USERS, GROUPS], AT)
    assert [str(one) for one in run.failed] == ["users: Forbidden: Graph 403 ExtensionError"]
    assert run.troubles == {"users": Trouble(reason=Reason.PERMISSION)}
    assert run.done == ["groups: created (missing)"]
    assert "the-secret" not in " ".join(map(str, run.failed))


async def test_a_replacement_that_fails_halfway_forgets_what_it_deleted(
    at_bench: Bench, service: Service
) -> None:
    first = await settle(at_bench.session, [], [USERS], AT)
    rotated = Wanted(
        resource="users", notification_url=OURS, lifecycle_url=LIFE, client_state="the-next-secret"
    )
    service.failures = [("POST", error(403, "ExtensionError"))]
    half = await settle(at_bench.session, first.records, [rotated], AT)
    assert (half.records, service.kept) == ((), {})
    whole = await settle(at_bench.session, half.records, [rotated], AT)
    assert [record.fingerprint for record in whole.records] == [rotated.fingerprint]


def test_a_subscription_of_the_list_is_read_with_null_and_missing_fields() -> None:
    one = Subscription(id=S1, resource="users")
    assert (one.client_state, one.expiration_date_time) == (None, None)
