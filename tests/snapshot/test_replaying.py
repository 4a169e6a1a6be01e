"""Snapshots judged again: bit for bit the same, and by another edition as the independent judge says."""

import io
from collections import Counter

import msgspec
import pytest

from admin.differing import reason
from admin.replay import as_csv
from admin.replay import worded as told
from shared.model import State, User
from shared.rules.loader import load_rules
from shared.snapshot.file import read
from shared.snapshot.judging import NoEdition
from shared.snapshot.lines import SCHEMA, Head, Reading
from shared.snapshot.replaying import Replayed, Replaying, replay
from tests.second_judge.second_judge import judge
from tests.second_judge.test_agreement import EDITIONS, facts_of, policy_of, standing_of
from tests.second_judge.worlds import Row, make_world
from tests.snapshot.snapshots import written

RULES = load_rules()
USERS, WORLDS = 150, 8


def saved(world: Row, edition: str) -> bytes:
    """A world as a snapshot that this edition governs."""
    facts = facts_of(world["tenant"], world["at"])
    head = Head(
        schema=SCHEMA,
        taken_at=world["at"],
        source="audit",
        rules=RULES.digest,
        policy=policy_of(world["policy"], edition),
        facts=facts,
    )
    return written(
        head, [Reading(msgspec.convert(u, User), standing_of(k), world["at"]) for u, k in world["people"]]
    )


def again(data: bytes, edition: str | None = None) -> Replayed:
    return replay(read(io.BytesIO(data)), RULES, edition)


@pytest.mark.parametrize("seed", range(WORLDS))
@pytest.mark.parametrize("own", EDITIONS)
@pytest.mark.parametrize("edition", [None, *EDITIONS])
def test_the_independent_judge_agrees_on_a_random_tenant(seed: int, own: str, edition: str | None) -> None:
    world = make_world(seed, USERS)
    result = again(saved(world, own), edition)

    def says(user: Row, known: Row, by: str) -> Row:
        return judge(user, world["tenant"], world["policy"], known, world["at"], by)

    then = {user["id"]: says(user, known, own) for user, known in world["people"]}
    now = {user["id"]: says(user, known, edition or own) for user, known in world["people"]}
    assert (result.users, result.same, result.rules_differ) == (USERS, True, False)
    assert {key: n for key, n in result.then.items() if n} == Counter(one["state"] for one in then.values())
    assert {key: n for key, n in result.now.items() if n} == Counter(one["state"] for one in now.values())
    told = {one.id: (one.then, one.now, one.rule, one.cause) for one in result.differing}
    assert told == {
        key: (then[key]["state"], one["state"], one["rule"], one["cause"])
        for key, one in now.items()
        if one["state"] != then[key]["state"]
    }
    assert result.unchanged is (not told)


def test_the_random_tenants_have_people_on_whom_editions_differ() -> None:
    differing = [
        len(again(saved(make_world(seed, USERS), own), other).differing)
        for seed in range(WORLDS)
        for own, other in (EDITIONS, EDITIONS[::-1])
    ]
    assert sum(differing) > 100


def test_parts_taken_one_after_the_other_are_one_snapshot() -> None:
    parts = [saved(make_world(seed, 20), EDITIONS[0]) for seed in range(3)]
    replaying = Replaying(RULES, EDITIONS[1])
    for part in parts:
        replaying.take(read(io.BytesIO(part)))
    apart, together = replaying.result(), again(b"".join(parts), EDITIONS[1])
    assert apart == together
    assert (apart.users, apart.sections) == (60, 3)
    assert sum(apart.now.values()) == 60
    assert [one.id for one in apart.differing] == sorted(one.id for one in apart.differing)


def test_verdicts_that_are_not_those_of_then_are_not_called_the_same() -> None:
    world = make_world(1, 30)
    lines = list(read(io.BytesIO(saved(world, EDITIONS[0]))))
    end = msgspec.structs.replace(lines[-1], verdicts="0" * 32)
    result = replay([*lines[:-1], end], RULES)
    assert (result.same, result.unchanged, result.rules_differ) == (False, False, False)
    head = msgspec.structs.replace(lines[0], rules="other")
    assert replay([head, *lines[1:]], RULES).rules_differ
    assert replay([head, *lines[1:]], RULES).unchanged


def test_an_edition_that_is_gone_is_named() -> None:
    world = make_world(1, 1)
    head, *rest = read(io.BytesIO(saved(world, EDITIONS[0])))
    assert isinstance(head, Head)
    policy = msgspec.structs.replace(head.policy, edition="1999-01-01")
    with pytest.raises(NoEdition) as raised:
        replay([msgspec.structs.replace(head, policy=policy), *rest], RULES)
    assert raised.value.edition == "1999-01-01"


def test_every_state_is_counted_also_with_nobody_in_it() -> None:
    result = again(saved(make_world(3, 1), EDITIONS[0]))
    assert list(result.then) == list(result.now) == [state.value for state in State]


def test_cover_by_a_plan_that_is_off_is_marked_and_said_beside_the_cause() -> None:
    world = make_world(28, USERS)
    result = again(saved(world, EDITIONS[1]), EDITIONS[0])
    marked = {one.id: one for one in result.differing if one.plan_off}
    assert marked
    for user, _ in world["people"]:
        if one := marked.get(user["id"]):
            assert one.now is State.COVERED
            assert any(line["disabledPlans"] for line in user["assignedLicenses"])
    one = next(iter(marked.values()))
    worded = reason(one.now, one.cause, plan_off=True)
    assert worded.startswith(reason(one.now, one.cause, plan_off=False))
    assert any(line.endswith(worded) for line in told(result, len(result.differing)))
    assert worded in as_csv(result)
