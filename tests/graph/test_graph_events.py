"""Events of Event Grid: verified as Graph's own calls are, whatever stands around the notification."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.graph.events import parse_event
from shared.graph.notifications import COUNTS, Call, parse_call

TENANT = "3f0a7b5e-6f0e-4f1c-9a50-0d0f6f3c1a11"
USER, GROUP, MEMBER, OF = (f"{n}1111111-1111-4111-8111-111111111111" for n in range(1, 5))
SECRETS = ("current-secret-" + "c" * 33, "previous-secret-" + "p" * 32)
USER_UPDATED = "Microsoft.Graph.UserUpdated"
LIFECYCLE = "microsoft.graph.subscriptionReauthorizationRequired"


def notification(**changes: Any) -> dict[str, Any]:
    """An authentic one, with changes; a change to `...` leaves the property out."""
    authentic = {
        "changeType": "updated",
        "clientState": SECRETS[0],
        "resource": f"Users/{USER}",
        "resourceData": {"@odata.type": "#Microsoft.Graph.User", "id": USER},
        "subscriptionId": OF,
        "tenantId": TENANT,
    }
    return {name: value for name, value in {**authentic, **changes}.items() if value is not ...}


def parsed(data: Any, kind: object = USER_UPDATED) -> Call:
    return parse_event(kind, data, TENANT, SECRETS)


def counted(call: Call) -> dict[str, int]:
    return {name: n for name, n in call.counts.items() if n}


def test_an_event_names_the_user_of_its_notification() -> None:
    call = parsed(notification())
    assert (call.user_ids, call.group_ids, call.lifecycle) == ((USER,), (), ())
    assert counted(call) == {"accepted": 1}
    assert call.subscriptions == {OF: 1}


def test_a_group_event_names_the_group_and_the_members_that_it_tells_of() -> None:
    data = {"@odata.type": "#Microsoft.Graph.Group", "id": GROUP, "members@delta": [{"id": MEMBER}]}
    call = parsed(notification(resource=f"Groups/{GROUP}", resourceData=data), "Microsoft.Graph.GroupUpdated")
    assert (call.user_ids, call.group_ids) == ((MEMBER,), (GROUP,))


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("kind", [LIFECYCLE, LIFECYCLE.upper()])
def test_a_lifecycle_event_is_known_by_its_data_or_by_its_type(kind: str, *, named: bool) -> None:
    event = "reauthorizationRequired" if named else ...
    call = parsed(notification(changeType=..., resource=..., resourceData=..., lifecycleEvent=event), kind)
    assert [(one.subscription, one.event) for one in call.lifecycle] == [(OF, "reauthorizationRequired")]
    assert counted(call) == {"accepted": 1}


def test_what_the_notification_itself_says_goes_before_the_type_around_it() -> None:
    call = parsed(notification(changeType=..., lifecycleEvent="missed"), LIFECYCLE)
    assert [one.event for one in call.lifecycle] == ["missed"]


def test_several_notifications_in_one_event_stand_each_for_itself() -> None:
    items = [notification(), notification(clientState="guessed" * 6), notification(tenantId=GROUP), 7]
    for data in (items, {"value": items}):
        call = parsed(data)
        assert call.user_ids == (USER,)
        assert counted(call) == {"accepted": 1, "forged": 1, "foreign": 1, "malformed": 1}


def test_the_secret_before_counts_while_it_rotates() -> None:
    assert counted(parsed(notification(clientState=SECRETS[1]))) == {"accepted": 1, "previous_secret": 1}


CHANGES_NOTHING: dict[str, tuple[Any, str]] = {
    "no data": (None, "malformed"),
    "a text": ("Users", "malformed"),
    "a number": (7, "malformed"),
    "nothing in it": ({}, "foreign"),
    "an empty list": ([], "malformed"),
    "an empty envelope": ({"value": []}, "malformed"),
    "a guessed secret": (notification(clientState="w" * 48), "forged"),
    "the beginning of the secret": (notification(clientState=SECRETS[0][:-1]), "forged"),
    "no secret": (notification(clientState=...), "forged"),
    "an empty secret": (notification(clientState=""), "forged"),
    "a secret of another type": (notification(clientState=[SECRETS[0]]), "forged"),
    "another tenant": (notification(tenantId=GROUP), "foreign"),
    "another resource": (notification(resource="devices/x", resourceData=...), "malformed"),
    "an id that is a path": (
        notification(resource="Users/../groups", resourceData={"id": "../x"}),
        "malformed",
    ),
    "a lone surrogate": (notification(resource="\ud800"), "malformed"),
    "bytes, which JSON has none of": (notification(resource=object()), "malformed"),
    "over a MiB": (notification(resource="x" * (2 << 20)), "malformed"),
}


@pytest.mark.parametrize("name", CHANGES_NOTHING)
def test_what_is_not_ours_changes_nothing_and_is_counted(name: str) -> None:
    data, said = CHANGES_NOTHING[name]
    call = parsed(data)
    assert (call.user_ids, call.group_ids, call.lifecycle) == ((), (), ())
    assert counted(call) == {said: 1}


def test_a_forged_lifecycle_event_changes_nothing_whatever_its_type_says() -> None:
    call = parsed(notification(changeType=..., clientState="w" * 48), LIFECYCLE)
    assert (call.lifecycle, counted(call)) == ((), {"forged": 1})


@pytest.mark.parametrize("kind", ["Microsoft.Storage.BlobCreated", "", None, 7])
def test_the_type_around_it_neither_proves_nor_refuses(kind: object) -> None:
    assert parsed(notification(), kind).user_ids == (USER,)
    assert parsed(notification(clientState="w" * 48), kind).user_ids == ()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=12,
)


@given(json_values, json_values)
def test_nothing_that_may_come_raises_or_is_believed_without_the_secret(kind: Any, data: Any) -> None:
    call = parsed(data, kind)
    assert (call.user_ids, call.group_ids, call.lifecycle) == ((), (), ())
    assert set(call.counts) == set(COUNTS)
    assert call.counts["accepted"] == 0


@given(st.dictionaries(st.sampled_from(list(notification())), json_values, max_size=3))
def test_an_event_is_judged_as_the_same_notification_in_a_call_of_graphs(changes: dict[str, Any]) -> None:
    item = {**notification(), **changes}
    try:
        body = json.dumps({"value": [item]}, allow_nan=False).encode("utf-8")
    except ValueError:
        return
    assert parsed(item) == parse_call(body, TENANT, SECRETS)
