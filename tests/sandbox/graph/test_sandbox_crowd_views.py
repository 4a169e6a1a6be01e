"""A crowd's sets, users and order behave as plain Python's, whatever was put in and taken out."""

import bisect
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.graph import skus
from sandbox.graph.crowd import Crowd, Make
from sandbox.graph.crowd_views import CrowdOrder, CrowdSet, CrowdUsers
from sandbox.graph.records import User

MAKES = {Make(): 3.0, Make(kind="room"): 1.0, Make(kind="disabled", direct=(skus.O365_E3,)): 1.0}
SMALL = Crowd(
    40,
    1,
    MAKES,
    departments=["d1", "d2"],
    share=0.5,
    now=datetime(2026, 5, 4, tzinfo=UTC),
    domains=("a.example", "a.onmicrosoft.com"),
    home="b.example",
)
OTHERS = [f"{n:08x}-0000-4000-8000-000000000000" for n in range(0, 2**32, 2**32 // 9)]
IDS = [*(SMALL.id_of(index) for index in range(SMALL.size)), *OTHERS]
CHANGES = st.lists(st.tuples(st.booleans(), st.sampled_from(IDS)), max_size=30)


@given(CHANGES, CHANGES, st.sampled_from([*IDS, ""]))
@settings(max_examples=60)
def test_a_set_of_the_crowd_is_a_set(
    changes: list[tuple[bool, str]], more: list[tuple[bool, str]], after: str
) -> None:
    ours, plain = CrowdSet(SMALL, bytes(SMALL.size)), set[str]()
    for into, user_id in changes:
        (ours.add if into else ours.discard)(user_id)
        (plain.add if into else plain.discard)(user_id)
    assert list(ours) == sorted(plain)
    assert len(ours) == len(plain)
    assert [user_id in ours for user_id in IDS] == [user_id in plain for user_id in IDS]
    behind = [one if isinstance(one, str) else SMALL.id_of(one) for one in ours.places(after)]
    assert behind == [one for one in sorted(plain) if one > after]
    rest = {user_id for _, user_id in more}
    assert set(ours | rest) == set(rest | ours) == plain | rest
    assert ours - rest == plain - rest
    assert ours & rest == plain & rest


@given(CHANGES)
@settings(max_examples=60)
def test_users_and_their_order_are_a_mapping_and_a_sorted_list(changes: list[tuple[bool, str]]) -> None:
    ours = CrowdUsers(SMALL, {OTHERS[0]: _somebody(OTHERS[0])})
    order = CrowdOrder(ours)
    plain = {user_id: SMALL.user(index) for index, user_id in enumerate(IDS[: SMALL.size])}
    plain[OTHERS[0]] = ours[OTHERS[0]]
    for into, user_id in changes:
        if into and user_id not in ours:
            ours[user_id] = plain[user_id] = _somebody(user_id)
            bisect.insort(order, user_id)
        elif into:
            ours[user_id].display_name = plain[user_id].display_name = "Changed"
        elif user_id in ours:
            del ours[user_id]
            del plain[user_id]
            del order[bisect.bisect_left(order, user_id)]
    assert dict(ours.items()) == dict(sorted(plain.items()))
    assert list(ours) == sorted(plain)
    assert list(order) == sorted(plain)
    assert [order[n] for n in range(len(order))] == sorted(plain)
    assert list(order[3:6]) == sorted(plain)[3:6]
    assert [ours.peek(user_id) for user_id in IDS] == [plain.get(user_id) for user_id in IDS]
    assert len(ours) == len(order) == len(plain)


def _somebody(user_id: str) -> User:
    return User(user_id, f"{user_id[:8]}@a.example", "Somebody", datetime(2026, 1, 1, tzinfo=UTC))
