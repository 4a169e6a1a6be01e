"""What is to be done about subscriptions: pure, one row of the table a test."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.graph.errors import Conflict, Forbidden, GraphError, NotFound, Unavailable
from shared.graph.subscription_plan import (
    LIFETIME,
    QUOTA,
    Action,
    Create,
    Looked,
    Reason,
    Record,
    Renew,
    Replace,
    Report,
    Subscription,
    Wanted,
    Why,
    after_failure,
    list_helps,
    list_needed,
    others,
    plan,
    reason_of,
    same_address,
    seen_as,
    strays,
)
from tests.graph.stub_graph import AT, oid

OURS, THEIRS = "https://watch.example/api/graph/notifications", "https://other.example/hook"
USERS = Wanted(resource="users", notification_url=OURS, lifecycle_url=OURS + "/l", client_state="s1")
GROUPS = Wanted(resource="groups", notification_url=OURS, lifecycle_url=OURS + "/l", client_state="s1")
S1, S2, S3 = oid(1, "c"), oid(2, "c"), oid(3, "c")


def record(subscription_id: str = S1, want: Wanted = USERS, age: timedelta = timedelta()) -> Record:
    return Record(
        id=subscription_id,
        resource=want.resource,
        fingerprint=want.fingerprint,
        renewed_at=AT - age,
        expires_at=AT - age + LIFETIME,
    )


def listed(subscription_id: str = S1, url: str = OURS, **fields: Any) -> Subscription:
    given_fields = {"resource": "users", "change_type": "updated,deleted", **fields}
    return Subscription(id=subscription_id, notification_url=url, **given_fields)


def planned(
    records: list[Record],
    remote: list[Subscription] | None,
    now: datetime = AT,
    looked: Looked | None = None,
) -> tuple[Action, ...]:
    return plan(records, looked or {}, remote, now, [USERS])


def test_nothing_there_creates() -> None:
    assert planned([], []) == (Create(USERS, Why.MISSING),)
    assert planned([], None) == (Create(USERS, Why.MISSING),)


def test_a_young_one_that_is_listed_is_left_alone() -> None:
    assert planned([record()], [listed()]) == ()
    assert planned([record()], None) == ()


def test_it_is_renewed_from_the_middle_of_its_life() -> None:
    half = LIFETIME / 2
    assert planned([record(age=half - timedelta(seconds=1))], [listed()]) == ()
    old = record(age=half)
    assert planned([old], [listed()]) == (Renew(USERS, old, Why.HALF_LIFE),)


def test_the_middle_counts_from_the_last_renewal() -> None:
    renewed = Record(
        id=S1,
        resource="users",
        fingerprint=USERS.fingerprint,
        renewed_at=AT,
        expires_at=AT + timedelta(days=2),
    )
    assert planned([renewed], [listed()], AT + timedelta(hours=23)) == ()
    assert planned([renewed], [listed()], AT + timedelta(hours=24)) == (Renew(USERS, renewed, Why.HALF_LIFE),)


def test_one_that_graph_no_longer_lists_is_created_anew() -> None:
    assert planned([record()], []) == (Create(USERS, Why.GONE),)


def test_an_expired_one_is_created_anew_not_renewed() -> None:
    assert planned([record(age=LIFETIME)], None) == (Create(USERS, Why.EXPIRED),)
    assert planned([record(age=LIFETIME)], [listed()]) == (Replace(USERS, (S1,), Why.EXPIRED),)


def test_one_of_ours_that_we_did_not_record_is_replaced_for_its_secret_is_unknown() -> None:
    assert planned([], [listed()]) == (Replace(USERS, (S1,), Why.UNRECORDED),)
    assert planned([record(S2)], [listed()]) == (Replace(USERS, (S1,), Why.UNRECORDED),)


@pytest.mark.parametrize("changed", ["client_state", "notification_url", "lifecycle_url"])
def test_another_secret_or_url_is_replaced(changed: str) -> None:
    before = msgspec.structs.replace(USERS, **{changed: "before"})
    assert planned([record(want=before)], [listed()]) == (Replace(USERS, (S1,), Why.CHANGED),)


def test_beside_one_that_sends_elsewhere_ours_is_tried_for_only_graph_knows_whether_it_is_in_the_way() -> (
    None
):
    assert planned([], [listed(url=THEIRS)]) == (Create(USERS, Why.MISSING),)


def test_one_that_graph_does_not_know_when_asked_for_it_is_created_anew() -> None:
    assert planned([record()], None, looked={S1: None}) == (Create(USERS, Why.GONE),)
    assert planned([record()], [listed(S2)], looked={S1: None}) == (Replace(USERS, (S2,), Why.UNRECORDED),)


def test_what_graph_says_of_one_counts_more_than_its_list() -> None:
    assert planned([record()], [], looked={S1: listed()}) == ()


def test_the_expiry_that_graph_names_counts() -> None:
    ended = listed(expiration_date_time=AT)
    assert planned([record()], None, looked={S1: ended}) == (Create(USERS, Why.EXPIRED),)
    alive = listed(expiration_date_time=AT + timedelta(days=20))
    old = record(age=LIFETIME)
    renewed = seen_as(old, {S1: alive})
    assert renewed.expires_at == AT + timedelta(days=20)
    assert planned([old], None, looked={S1: alive}) == (Renew(USERS, renewed, Why.HALF_LIFE),)
    assert seen_as(old, {S1: listed()}) is seen_as(old, {}) is seen_as(old, {S1: None}) is old


def test_one_that_was_given_another_address_is_replaced() -> None:
    moved = listed(url=THEIRS)
    assert planned([record()], None, looked={S1: moved}) == (Replace(USERS, (S1,), Why.CHANGED),)


@pytest.mark.parametrize("url", [OURS + "/", OURS.replace("watch", "WATCH")])
def test_a_slash_at_the_end_and_the_case_of_the_host_make_no_other_address(url: str) -> None:
    assert planned([record()], None, looked={S1: listed(url=url)}) == ()
    assert strays([], [listed(url=url)], [USERS]) == (S1,)
    assert others([listed(url=url)], [USERS]) == ()


def test_one_that_is_to_be_renewed_now_is_renewed_however_young() -> None:
    young = record()
    assert plan([young], {}, None, AT, [USERS], [S1]) == (Renew(USERS, young, Why.REAUTHORIZE),)
    assert plan([young], {}, None, AT, [USERS], [S2]) == ()


def test_the_list_is_needed_exactly_where_one_is_to_be_made_anew() -> None:
    assert not list_needed([record()], {S1: listed()}, AT, [USERS])
    assert not list_needed([record(age=LIFETIME / 2)], {S1: listed()}, AT, [USERS])
    assert list_needed([], {}, AT, [USERS])
    assert list_needed([record()], {S1: None}, AT, [USERS])
    assert list_needed([record(age=LIFETIME)], {}, AT, [USERS])
    other = Wanted(resource="users", notification_url=OURS, lifecycle_url=OURS + "/l", client_state="s2")
    assert list_needed([record()], {S1: listed()}, AT, [other])


def test_strays_are_all_that_send_to_us_and_are_not_recorded() -> None:
    remote = [
        listed(S1),
        listed(S2, resource="/Users", change_type="deleted,updated"),
        listed(S3, THEIRS),
        listed(oid(4, "c"), resource="users/x", change_type="updated"),
        Subscription(id=oid(5, "c"), resource="users"),
    ]
    assert strays([record(S1)], remote, [USERS, GROUPS]) == (S2, oid(4, "c"))
    assert others(remote, [USERS, GROUPS]) == (S3, oid(5, "c"))


@pytest.mark.parametrize(
    ("error", "count", "reason"),
    [
        (Forbidden(403), 2, Reason.PERMISSION),
        (Forbidden(403), None, Reason.PERMISSION),
        (Forbidden(403), QUOTA, Reason.QUOTA),
        (Conflict(409), 1, Reason.IN_THE_WAY),
        (GraphError(400, "ValidationError"), None, Reason.ADDRESS),
        (Unavailable(503), None, Reason.FAILED),
        (NotFound(404), None, Reason.FAILED),
    ],
)
def test_each_refusal_has_its_reason(error: GraphError, count: int | None, reason: Reason) -> None:
    remote = None if count is None else [listed(oid(number, "c")) for number in range(count)]
    assert reason_of(error, remote, USERS) is reason


def test_the_list_is_read_after_a_failure_only_where_it_helps() -> None:
    create, renew = Create(USERS, Why.MISSING), Renew(USERS, record(), Why.HALF_LIFE)
    helped = {
        (type(action).__name__, type(error).__name__)
        for action in (create, Replace(USERS, (S1,), Why.CHANGED), renew)
        for error in (Conflict(409), Forbidden(403), NotFound(404), Unavailable(503), GraphError(400))
        if list_helps(action, error)
    }
    assert helped == {
        ("Create", "Conflict"),
        ("Create", "Forbidden"),
        ("Replace", "Conflict"),
        ("Replace", "Forbidden"),
        ("Renew", "NotFound"),
    }


@pytest.mark.parametrize(
    "other", [{"resource": "groups"}, {"change_type": "updated"}, {"resource": "users/x"}], ids=str
)
def test_other_resources_and_change_types_are_not_in_the_way(other: dict[str, str]) -> None:
    assert planned([], [listed(**other)]) == (Create(USERS, Why.MISSING),)


@pytest.mark.parametrize("spelling", [{"resource": "/Users"}, {"change_type": "deleted, updated"}], ids=str)
def test_spellings_of_the_same_are_the_same(spelling: dict[str, str]) -> None:
    assert planned([], [listed(**spelling)]) == (Replace(USERS, (S1,), Why.UNRECORDED),)


def test_each_wanted_one_is_planned_by_itself() -> None:
    actions = plan([record(age=LIFETIME / 2)], {}, None, AT, [USERS, GROUPS])
    assert [type(action) for action in actions] == [Renew, Create]


def test_of_several_records_the_last_counts() -> None:
    assert planned([record(S1, age=LIFETIME), record(S2)], None) == ()
    assert planned([record(S2), record(S1, age=LIFETIME)], None) == (Create(USERS, Why.EXPIRED),)


def test_what_nobody_wants_is_left_alone() -> None:
    assert plan([record(want=GROUPS)], {}, [listed(resource="groups")], AT, []) == ()


def test_a_renewal_that_finds_nothing_creates() -> None:
    action = Renew(USERS, record(), Why.HALF_LIFE)
    assert after_failure(action, NotFound(404), []) == Create(USERS, Why.GONE)
    assert after_failure(action, NotFound(404), [listed(S2)]) == Replace(USERS, (S2,), Why.GONE)
    assert after_failure(action, Unavailable(503), []) is None


def test_a_conflict_with_one_of_ours_deletes_and_creates() -> None:
    action = Create(USERS, Why.MISSING)
    assert after_failure(action, Conflict(409), [listed(S2)]) == Replace(USERS, (S2,), Why.CONFLICT)


def test_a_conflict_with_another_is_reported() -> None:
    action = Create(USERS, Why.MISSING)
    assert after_failure(action, Conflict(409), [listed(S2, THEIRS)]) == Report(USERS, (S2,), Why.CONFLICT)
    assert after_failure(action, Forbidden(403), [listed(S2)]) is None


def test_the_secret_shows_in_no_representation() -> None:
    want = Wanted(resource="users", notification_url=OURS, lifecycle_url=OURS, client_state="very-secret")
    shown = repr(want) + repr(Create(want, Why.MISSING)) + want.fingerprint + repr(record(want=want))
    assert "very-secret" not in shown


@pytest.mark.parametrize("state", ["", "x" * 129])
def test_a_secret_that_graph_would_refuse_is_refused(state: str) -> None:
    with pytest.raises(ValueError, match="client_state"):
        Wanted(resource="users", notification_url=OURS, lifecycle_url=OURS, client_state=state)


LISTS = st.lists(
    st.builds(
        listed,
        st.sampled_from([S1, S2, S3]),
        st.sampled_from([OURS, THEIRS]),
        resource=st.sampled_from(["users", "groups"]),
    ),
    unique_by=lambda one: one.id,
)
RECORDS = st.lists(
    st.builds(
        record,
        st.sampled_from([S1, S2, S3]),
        st.sampled_from([USERS, GROUPS]),
        st.timedeltas(timedelta(), LIFETIME * 2),
    )
)


@given(records=RECORDS, remote=st.none() | LISTS)
def test_a_plan_never_deletes_what_is_not_ours(
    records: list[Record], remote: list[Subscription] | None
) -> None:
    mine = {one.id for one in records} | {one.id for one in remote or () if one.notification_url == OURS}
    actions = plan(records, {}, remote, AT, [USERS, GROUPS])
    gone = strays(records, remote or (), [USERS, GROUPS])
    assert set(gone) <= mine
    assert not {one.id for one in remote or ()} - set(gone) - mine - set(others(remote or (), [USERS]))
    assert len({action.wanted.resource for action in actions}) == len(actions)
    for action in actions:
        if isinstance(action, Replace):
            assert set(action.ids) <= mine


# --- by Event Grid ------------------------------------------------------------------------------------------

TOPIC = (
    "EventGrid:?azuresubscriptionid=2f5f1c7e-8f0e-4b0c-9d57-0a6f4c1d2b3e&resourcegroup=rg-watch"
    "&partnertopic=sspr-watch&location=westeurope"
)
ANOTHER_TOPIC = TOPIC.replace("sspr-watch", "other")
BY_TOPIC = msgspec.structs.replace(USERS, notification_url=TOPIC, lifecycle_url=TOPIC, formerly=(OURS,))


def by_topic(*records: Record, remote: list[Subscription]) -> tuple[Action, ...]:
    return plan(records, {one.id: one for one in remote}, remote, AT, [BY_TOPIC])


def test_a_topic_that_graph_writes_otherwise_is_no_other() -> None:
    otherwise = TOPIC.replace("rg-watch", "RG-WATCH").replace("westeurope", "West Europe")
    assert by_topic(record(want=BY_TOPIC), remote=[listed(url=otherwise)]) == ()
    assert strays([], [listed(url=otherwise)], [BY_TOPIC]) == (S1,)


def test_another_topic_is_another_address() -> None:
    moved = by_topic(record(want=BY_TOPIC), remote=[listed(url=ANOTHER_TOPIC)])
    assert moved == (Replace(BY_TOPIC, (S1,), Why.CHANGED),)
    assert others([listed(url=ANOTHER_TOPIC)], [BY_TOPIC]) == (S1,)


def test_one_that_calls_us_from_before_is_ours_and_replaced() -> None:
    assert by_topic(remote=[listed(url=OURS)]) == (Replace(BY_TOPIC, (S1,), Why.UNRECORDED),)
    assert others([listed(url=OURS)], [BY_TOPIC]) == ()
    assert by_topic(remote=[listed(url=THEIRS)]) == (Create(BY_TOPIC, Why.MISSING),)


def test_where_it_was_delivered_before_is_no_part_of_what_it_is() -> None:
    assert msgspec.structs.replace(BY_TOPIC, formerly=()).fingerprint == BY_TOPIC.fingerprint


def test_what_graph_finds_wrong_with_a_topic_is_the_topic() -> None:
    problem = GraphError(400, "ValidationError", "r1")
    assert reason_of(problem, None, BY_TOPIC) is Reason.TOPIC
    assert reason_of(problem, None, USERS) is Reason.ADDRESS


def test_a_url_that_only_looks_like_a_topic_is_compared_as_it_is_written() -> None:
    broken = TOPIC.replace("&location=westeurope", "")
    assert same_address(broken, broken)
    assert not same_address(broken, TOPIC)
