"""The schedule of a soak: the same for a seed, everything in it, nothing where it must not be."""

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.graph.tenant import generate
from tests.soak.changes import Author
from tests.soak.schedule import BURSTS, KINDS, PROCESSES, STORMS, Change, Size, draw

SIZES = st.builds(Size.of, st.integers(100, 100_000), st.floats(0.5, 30))


@given(st.integers(), SIZES)
@settings(max_examples=30)
def test_every_kind_of_misfortune_comes_in_both_segments_and_no_kill_in_the_second(
    seed: int, size: Size
) -> None:
    plan = draw(seed, size)
    for begin in (0.0, size.seconds):
        inside = [one for one in plan.storms if begin <= one.at and one.until <= begin + size.seconds]
        assert {one.kind for one in inside} == set(STORMS)
    assert {one.process for one in plan.kills} == set(PROCESSES)
    assert all(0 < one.at < size.seconds for one in plan.kills)
    assert all(0 < one.at < size.whole for one in plan.changes)


@given(st.integers(), SIZES)
@settings(max_examples=30)
def test_everything_is_in_order_and_no_two_storms_meet(seed: int, size: Size) -> None:
    plan = draw(seed, size)
    moments = [one.at for one in plan.changes]
    assert moments == sorted(moments)
    edges = [edge for one in plan.storms for edge in (one.at, one.until)]
    assert edges == sorted(edges)


@given(st.integers())
@settings(max_examples=10)
def test_a_seed_draws_the_same_every_time_and_another_draws_otherwise(seed: int) -> None:
    size = Size.of(500, 1)
    assert draw(seed, size) == draw(seed, size)
    assert draw(seed, size).changes != draw(seed + 1, size).changes


def test_the_standard_soak_has_five_changes_a_second_bursts_of_a_thousand_and_a_kill_a_minute() -> None:
    size = Size.of(100_000, 20)
    plan = draw(1, size)
    steady = [one for one in plan.changes if not one.burst]
    assert 4.5 < len(steady) / size.whole < 5.5
    assert sum(one.burst for one in plan.changes) == 12 * 1000
    assert len(BURSTS) == 6
    assert len(plan.kills) == 10


def test_every_kind_of_change_is_done_to_a_tenant_again_and_again() -> None:
    author = Author(generate(300))
    for number in range(40):
        for kind in KINDS:
            author.make(Change(0.0, kind, number))
    assert set(author.done) == set(KINDS)
    assert all(count >= 5 for count in author.done.values()), author.done
