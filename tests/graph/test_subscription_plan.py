"""What is to be done about subscriptions: pure, one row of the table a test."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.graph.errors import Conflict, Forbidden, NotFound, Unavailable
from shared.graph.subscription_plan import (
    LIFETIME,
    Action,
    Create,
    Record,
    Renew,
    Replace,
    Report,
    Subscription,
    Wanted,
    Why,
    after_failure,
    plan,
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
    records: list[Record], remote: list[Subscription] | None, now: datetime = AT
) -> tuple[Action, ...]:
    return plan(records, remote, now, [USERS])


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
    before = Wanted(
        **{"resource": "users", "notification_url": OURS, "lifecycle_url": OURS + "/l", "client_state": "s1"}
        | {changed: "before"}
    )
    assert planned([record(want=before)], [listed()]) == (Replace(USERS, (S1,), Why.CHANGED),)


def test_a_subscription_of_this_app_that_sends_elsewhere_is_reported_and_not_touched() -> None:
    assert planned([], [listed(url=THEIRS)]) == (Report(USERS, (S1,), Why.MISSING),)


@pytest.mark.parametrize(
    "other", [{"resource": "groups"}, {"change_type": "updated"}, {"resource": "users/x"}], ids=str
)
def test_other_resources_and_change_types_are_not_in_the_way(other: dict[str, str]) -> None:
    assert planned([], [listed(**other)]) == (Create(USERS, Why.MISSING),)


@pytest.mark.parametrize("spelling", [{"resource": "/Users"}, {"change_type": "deleted, updated"}], ids=str)
def test_spellings_of_the_same_are_the_same(spelling: dict[str, str]) -> None:
    assert planned([], [listed(**spelling)]) == (Replace(USERS, (S1,), Why.UNRECORDED),)


def test_each_wanted_one_is_planned_by_itself() -> None:
    actions = plan([record(age=LIFETIME / 2)], None, AT, [USERS, GROUPS])
    assert [type(action) for action in actions] == [Renew, Create]


def test_of_several_records_the_last_counts() -> None:
    assert planned([record(S1, age=LIFETIME), record(S2)], None) == ()
    assert planned([record(S2), record(S1, age=LIFETIME)], None) == (Create(USERS, Why.EXPIRED),)


def test_what_nobody_wants_is_left_alone() -> None:
    assert plan([record(want=GROUPS)], [listed(resource="groups")], AT, []) == ()


def test_a_renewal_that_finds_nothing_creates() -> None:
    action = Renew(USERS, record(), Why.HALF_LIFE)
    assert after_failure(action, NotFound(404), []) == Create(USERS, Why.GONE)
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
    actions = plan(records, remote, AT, [USERS, GROUPS])
    assert len({action.wanted.resource for action in actions}) == len(actions)
    for action in actions:
        if isinstance(action, Replace):
            assert set(action.ids) <= mine
