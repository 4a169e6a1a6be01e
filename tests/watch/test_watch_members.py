"""Lists of members: kept small, compared side by side."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ledger.members import Packing, among, came_or_went, either
from shared.watch.licensing import members
from shared.watch.licensing.members import Members, portions, skus_key
from tests.watch.scene import Scene

ids = st.lists(st.uuids(), max_size=40)


def packed(listed: list[uuid.UUID]) -> bytes:
    packing = Packing(run=7)
    for one in listed:
        packing.add([str(one)])
    return packing.packed()


def written(listed: set[uuid.UUID]) -> list[str]:
    return sorted(map(str, listed))


@given(ids, ids, ids)
def test_who_came_or_went_is_in_one_list_and_not_in_the_other(
    both: list[uuid.UUID], left: list[uuid.UUID], right: list[uuid.UUID]
) -> None:
    before, after = packed([*both, *left]), packed([*right, *both, *both])
    one, other = {*both, *left}, {*both, *right}
    assert list(came_or_went(before, after)) == written(one ^ other)
    assert list(came_or_went(after, before)) == written(one ^ other)
    assert list(either(before, after)) == written(one | other)


@given(ids, ids)
def test_users_are_found_in_a_list_exactly_if_they_are_in_it(
    listed: list[uuid.UUID], others: list[uuid.UUID]
) -> None:
    asked = [*map(str, [*listed, *others]), "no id", str(uuid.UUID(int=0)), str(uuid.UUID(int=2**128 - 1))]
    assert list(among(packed(listed), asked)) == [one for one in asked if one in set(map(str, listed))]


@given(ids)
def test_a_list_holds_each_member_once_in_order_in_sixteen_bytes(listed: list[uuid.UUID]) -> None:
    found = Members(packed([*listed, *listed]))
    assert list(found.users()) == written({*listed})
    assert len(found.ids) == 16 * len({*listed})


@given(st.lists(st.text(max_size=3)), st.integers(1, 7))
def test_portions_are_the_same_ids_in_order(listed: list[str], size: int) -> None:
    parts = list(portions(iter(listed), size))
    assert [one for part in parts for one in part] == listed
    assert all(1 <= len(part) <= size for part in parts)


@given(st.lists(st.uuids().map(str), unique=True), st.lists(st.uuids().map(str), unique=True))
def test_what_a_group_assigns_has_one_word_in_any_order(one: list[str], other: list[str]) -> None:
    assert skus_key(one) == skus_key(one[::-1])
    assert (skus_key(one) == skus_key(other)) == ({*one} == {*other})


@pytest.mark.real
async def test_a_list_is_kept_with_what_the_group_assigned_until_it_is_forgotten(scene: Scene) -> None:
    watch = await scene.watch.ready()
    group, user = str(uuid.uuid4()), uuid.uuid4()
    assert await members.recall(watch, group) is None
    await members.keep(watch, group, Members(user.bytes, frozenset(), skus_key(["a"])))
    found = await members.recall(watch, group)
    assert found == Members(user.bytes, frozenset(), skus_key(["a"]))
    assert await members.kept(watch) == {group}
    await members.forget(watch, group)
    assert await members.recall(watch, group) is None
    assert await members.kept(watch) == frozenset()
