"""A call of Graph: what is authentic is taken as a hint, everything else changes nothing and is counted."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.graph.notifications import (
    COUNTS,
    MAX_BODY,
    BadCall,
    Call,
    Lifecycle,
    parse_call,
)
from tests.graph.stub_graph import TENANT, oid

SECRET, PREVIOUS = "présent-秘密", "the-previous-one"
SUBSCRIPTION = oid(1, "c")


def change(object_id: str = oid(1), kind: str = "User", **fields: Any) -> dict[str, Any]:
    """A notification as Graph sends it; a field given as None stays, `...` takes it out."""
    item = {
        "changeType": "updated",
        "clientState": SECRET,
        "resource": f"{kind}s/{object_id}",
        "resourceData": {
            "@odata.type": f"#Microsoft.Graph.{kind}",
            "@odata.id": f"{kind}s/{object_id}",
            "id": object_id,
            "organizationId": TENANT,
            "eventTime": "2026-10-01T08:00:00.1Z",
            "sequenceNumber": 638000000000000000,
        },
        "subscriptionId": SUBSCRIPTION,
        "subscriptionExpirationDateTime": "2026-10-20T00:00:00+00:00",
        "tenantId": TENANT,
        **fields,
    }
    return {name: value for name, value in item.items() if value is not ...}


def lifecycle(**fields: Any) -> dict[str, Any]:
    return {
        "subscriptionId": SUBSCRIPTION,
        "subscriptionExpirationDateTime": "2026-10-20T00:00:00Z",
        "tenantId": TENANT,
        "clientState": SECRET,
        "lifecycleEvent": "reauthorizationRequired",
        **fields,
    }


def parse(*items: Any) -> Call:
    body = json.dumps({"value": list(items)}).encode()
    return parse_call(body, TENANT, (SECRET, PREVIOUS))


def counted(call: Call) -> dict[str, int]:
    """The counts that are not zero."""
    assert tuple(call.counts) == COUNTS
    return {name: count for name, count in call.counts.items() if count}


def test_users_and_groups_are_told_apart_and_kept_in_order() -> None:
    call = parse(
        change(oid(3)), change(oid(1, "b"), "Group"), change(oid(1)), change(oid(2), changeType="deleted")
    )
    assert call.user_ids == (oid(3), oid(1), oid(2))
    assert call.group_ids == (oid(1, "b"),)
    assert counted(call) == {"accepted": 4}


def test_an_id_is_taken_once_whatever_its_case() -> None:
    call = parse(change(oid(1)), change(oid(1).upper()), change(oid(1)))
    assert call.user_ids == (oid(1),)
    assert counted(call) == {"accepted": 3, "duplicate": 2}


@pytest.mark.parametrize(
    "fields",
    [
        {"resourceData": ...},
        {"resourceData": None},
        {"resource": ...},
        {"resource": None},
        {"resource": f"users/{oid(1)}", "resourceData": {"id": oid(1)}},
        {"resource": f"/Users/{oid(1)}/", "resourceData": ...},
        {"resource": f"Users('{oid(1)}')", "resourceData": ...},
        {"resource": "users", "resourceData": {"@odata.type": "#microsoft.graph.user", "id": oid(1)}},
        {"subscriptionId": ...},
        {"subscriptionId": 5},
        {"changeType": "unknownFutureValue"},
        {"tenantId": TENANT.upper()},
        {"lifecycleEvent": None},
        {"encryptedContent": {"data": ["deep", {"er": None}]}},
    ],
    ids=str,
)
def test_every_documented_way_to_name_a_user_is_understood(fields: dict[str, Any]) -> None:
    call = parse(change(**fields))
    assert (call.user_ids, call.group_ids, counted(call)) == ((oid(1),), (), {"accepted": 1})


@pytest.mark.parametrize(
    "item",
    [
        None,
        5,
        "text",
        [],
        True,
        change(resource=..., resourceData=...),
        change(resource=5, resourceData=None),
        change(resourceData="text"),
        change(resourceData=[1]),
        change(resource="users/../groups", resourceData=None),
        change(resource=f"users/{oid(1)}x", resourceData=None),
        change(resource="users/{id}", resourceData=None),
        change(resource=f"devices/{oid(1)}", resourceData=None),
        change("not-a-guid"),
        change("../../groups"),
        change(resourceData={"id": oid(2), "@odata.type": "#microsoft.graph.user"}),
        change(resourceData={"id": oid(1), "@odata.type": "#microsoft.graph.group"}),
        change(resourceData={"id": oid(1), "@odata.type": "#microsoft.graph.device"}),
        change(resourceData={"id": oid(1), "@odata.type": 5}),
        change(resourceData={"id": 5, "@odata.type": "#microsoft.graph.user"}),
        change(resource=..., resourceData={"id": oid(1)}),
        change(changeType=...),
        change(changeType=["updated"]),
        lifecycle(lifecycleEvent=5),
        lifecycle(lifecycleEvent=""),
        lifecycle(lifecycleEvent="<script>"),
        lifecycle(lifecycleEvent="x" * 65),
        lifecycle(subscriptionId="none"),
        lifecycle(subscriptionId=None),
    ],
    ids=lambda item: json.dumps(item)[:60],
)
def test_a_malformed_item_is_counted_and_takes_no_other_with_it(item: Any) -> None:
    call = parse(change(oid(8)), item, change(oid(9)))
    assert (call.user_ids, call.group_ids, call.lifecycle) == ((oid(8), oid(9)), (), ())
    assert counted(call) in ({"accepted": 2, "malformed": 1}, {"accepted": 2, "foreign": 1})
    if isinstance(item, dict):
        assert counted(call) == {"accepted": 2, "malformed": 1}


@pytest.mark.parametrize(
    "state",
    [
        ...,
        None,
        "",
        5,
        True,
        [SECRET],
        {"a": SECRET},
        SECRET + " ",
        SECRET.upper(),
        "present-secret",
        "\x00",
        "é" * 200,
    ],
    ids=repr,
)
def test_a_wrong_client_state_of_any_type_is_forged(state: Any) -> None:
    for item in (change(clientState=state), lifecycle(clientState=state if state is not ... else None)):
        call = parse(item)
        assert (call.user_ids, call.lifecycle, counted(call)) == ((), (), {"forged": 1})


def test_client_state_is_compared_as_utf8() -> None:
    body = json.dumps({"value": [change()]}, ensure_ascii=False)
    assert parse_call(body.encode(), TENANT, (SECRET,)).user_ids == (oid(1),)
    decomposed = change(clientState="pre\u0301sent-秘密")
    assert counted(parse(decomposed)) == {"forged": 1}


def test_the_previous_secret_is_accepted_and_counted() -> None:
    call = parse(change(clientState=PREVIOUS), change(oid(2)))
    assert call.user_ids == (oid(1), oid(2))
    assert counted(call) == {"accepted": 2, "previous_secret": 1}


@pytest.mark.parametrize("secrets", [(), ("",), ("", "")])
def test_an_empty_secret_lets_nobody_in(secrets: tuple[str, ...]) -> None:
    body = json.dumps({"value": [change(clientState=""), change(clientState=None), change()]}).encode()
    call = parse_call(body, TENANT, secrets)
    assert (call.user_ids, counted(call)) == ((), {"forged": 3})


@pytest.mark.parametrize("tenant", [..., None, "", oid(9), 5, [TENANT]], ids=repr)
def test_another_tenants_item_is_foreign_even_with_our_secret(tenant: Any) -> None:
    call = parse(change(tenantId=tenant))
    assert (call.user_ids, counted(call)) == ((), {"foreign": 1})


def test_whatever_subscription_is_named_its_notification_is_processed() -> None:
    items = [change(oid(number)) for number in range(4)]
    for item, subscription in zip(items, (SUBSCRIPTION, SUBSCRIPTION.upper(), oid(9, "c"), []), strict=True):
        item["subscriptionId"] = subscription
    call = parse(*items)
    assert call.user_ids == (oid(0), oid(1), oid(2), oid(3))
    assert counted(call) == {"accepted": 4}


@pytest.mark.parametrize(
    "members",
    [
        [{"id": oid(1)}, {"id": oid(2)}],
        [
            {"id": oid(1).upper(), "@removed": {"reason": "deleted"}},
            {"id": oid(2), "@odata.type": "#microsoft.graph.user"},
        ],
        [oid(1), oid(2)],
        {"value": [{"id": oid(1)}, oid(2)]},
        [[oid(1)], None, 5, {"id": None}, {"id": "x"}, {"id": oid(2), "extra": oid(3)}],
        [{"id": oid(1)}, {"id": oid(7), "@odata.type": "#microsoft.graph.device"}, {"id": oid(2)}],
    ],
    ids=["added", "removed", "texts", "object", "odd", "typed"],
)
def test_members_of_any_shape_are_hints_whom_to_look_at(members: Any) -> None:
    group = change(oid(1, "b"), "Group")
    group["resourceData"]["members@delta"] = members
    call = parse(group)
    assert (call.group_ids, call.user_ids) == ((oid(1, "b"),), (oid(1), oid(2)))
    assert counted(call) == {"accepted": 1}


def test_members_of_a_forged_group_are_no_hint() -> None:
    group = change(oid(1, "b"), "Group", clientState="wrong")
    group["resourceData"]["members@delta"] = [{"id": oid(1)}]
    assert parse(group).user_ids == ()


def test_lifecycle_events_are_taken_once_each_and_mix_with_changes() -> None:
    missed = lifecycle(lifecycleEvent="missed", subscriptionId=oid(2, "c").upper())
    call = parse(lifecycle(), change(), missed, lifecycle())
    assert call.lifecycle == (
        Lifecycle(SUBSCRIPTION, "reauthorizationRequired"),
        Lifecycle(oid(2, "c"), "missed"),
    )
    assert call.user_ids == (oid(1),)
    assert counted(call) == {"accepted": 4, "duplicate": 1}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"5",
        b'"text"',
        b"{}",
        b'{"value": null}',
        b'{"value": {}}',
        b'{"value": "text"}',
        b'{"value": [',
        b"<html></html>",
        b"validationToken=x",
        b"\xff\xfe\x00",
        b'{"value": [\xff]}',
        b'{"value": []} extra',
        b'{"value": [NaN]}',
        b"[" * 500_000,
        b'{"a":' * 100_000,
    ],
    ids=lambda body: repr(body[:20]),
)
def test_what_is_no_collection_is_a_bad_call(body: bytes) -> None:
    with pytest.raises(BadCall) as caught:
        parse_call(body, TENANT, (SECRET,))
    assert caught.value.status == 400


def test_an_empty_collection_is_fine() -> None:
    call = parse()
    assert (call.user_ids, call.group_ids, call.lifecycle, counted(call)) == ((), (), (), {})


def test_a_body_over_one_mebibyte_is_too_large_before_anything_is_read() -> None:
    whole = json.dumps({"value": [change()]}).encode()
    assert parse_call(whole.ljust(MAX_BODY), TENANT, (SECRET,)).user_ids == (oid(1),)
    with pytest.raises(BadCall) as caught:
        parse_call(b" " * (MAX_BODY + 1), TENANT, (SECRET,))
    assert caught.value.status == 413


def test_ten_thousand_small_items_are_read() -> None:
    items = [{"tenantId": TENANT, "clientState": "no"}] * 10_000
    assert counted(parse(*items)) == {"forged": 10_000}


def test_text_that_is_no_unicode_makes_a_bad_call() -> None:
    with pytest.raises(BadCall) as caught:
        parse(change(clientState="\ud800"), change())
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "field", ["clientState", "tenantId", "resourceData", "lifecycleEvent", "encryptedContent"]
)
def test_an_item_nested_beyond_reason_hurts_no_other(field: str) -> None:
    body = json.dumps({"value": [change(**{field: "HERE"}), change(oid(2))]})
    call = parse_call(body.replace('"HERE"', "[" * 900 + "]" * 900).encode(), TENANT, (SECRET,))
    assert call.user_ids == ((oid(1), oid(2)) if field == "encryptedContent" else (oid(2),))
    with pytest.raises(BadCall) as caught:
        parse_call(body.replace('"HERE"', "[" * 200_000 + "]" * 200_000).encode(), TENANT, (SECRET,))
    assert caught.value.status == 400


# --- algebra ------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
FIELD = (
    st.sampled_from([None, SECRET, PREVIOUS, TENANT, oid(1), f"users/{oid(1)}", "missed", "updated", "wrong"])
    | JSON
)
DATA = st.fixed_dictionaries(
    {},
    optional={"id": FIELD, "@odata.type": FIELD | st.just("#microsoft.graph.group"), "members@delta": JSON},
)
ODD = st.fixed_dictionaries(
    {},
    optional={
        "tenantId": st.just(TENANT) | FIELD,
        "clientState": st.just(SECRET) | FIELD,
        "subscriptionId": FIELD,
        "changeType": FIELD,
        "lifecycleEvent": FIELD,
        "resource": FIELD,
        "resourceData": DATA | FIELD,
    },
)


@given(body=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_body_raises_anything_but_bad_call(body: bytes) -> None:
    with contextlib.suppress(BadCall):
        parse_call(body, TENANT, (SECRET, PREVIOUS))


@settings(max_examples=300)
@given(items=st.lists(ODD | JSON, max_size=6))
def test_each_item_is_in_one_class_and_only_authentic_ones_yield_anything(items: list[Any]) -> None:
    call = parse(*items)
    classes = ("accepted", "forged", "foreign", "malformed")
    assert sum(call.counts[name] for name in classes) == len(items)
    authentic = [
        item
        for item in items
        if isinstance(item, dict)
        and str(item.get("tenantId")).lower() == TENANT
        and item.get("clientState") in (SECRET, PREVIOUS)
    ]
    alone = parse(*authentic)
    assert (call.user_ids, call.group_ids, call.lifecycle) == (
        alone.user_ids,
        alone.group_ids,
        alone.lifecycle,
    )
    assert alone.counts["forged"] == alone.counts["foreign"] == 0
    assert call.counts["accepted"] <= len(authentic)
    assert len(set(call.user_ids)) == len(call.user_ids)


@settings(max_examples=200)
@given(items=st.lists(ODD, max_size=6), state=FIELD)
def test_forged_items_never_yield_an_id(items: list[dict[str, Any]], state: Any) -> None:
    if state in (SECRET, PREVIOUS):
        state = "wrong"
    call = parse(*({**item, "clientState": state} for item in items))
    assert (call.user_ids, call.group_ids, call.lifecycle, call.counts["accepted"]) == ((), (), (), 0)


def test_accepted_items_are_counted_by_the_subscription_that_they_name() -> None:
    other = oid(2, "c")
    items = [
        change(),
        change(subscriptionId=SUBSCRIPTION.upper()),
        change(subscriptionId=other, clientState=PREVIOUS),
        lifecycle(subscriptionId=other),
        change(subscriptionId=["no text"]),
        change(subscriptionId="no-guid"),
        change(subscriptionId=oid(3, "c"), clientState="forged"),
        change(subscriptionId=oid(4, "c"), tenantId=oid(9)),
    ]
    assert parse(*items).subscriptions == {SUBSCRIPTION: 2, other: 2, "": 2}
