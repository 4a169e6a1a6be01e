"""The soak goes on with new processes when the old ones have played their share."""

from tests.oracle.several import several


def test_more_histories_than_one_pool_plays_are_all_played() -> None:
    outcomes = list(several(range(3), pool_of=2))
    assert sorted(one.seed for one in outcomes) == [0, 1, 2]
    assert all(one.good for one in outcomes)
