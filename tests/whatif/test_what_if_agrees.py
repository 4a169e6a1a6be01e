"""What-if and an independent judge agree on random tenants, change by change and all of them at once.

The change is applied to Graph's JSON by `second_changes.py` and judged by `tests/second_judge`; the product
is given the same tenant as a snapshot.
"""

import copy
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from shared.model import LicensingGroup, User
from shared.rules.loader import load_rules
from shared.snapshot.lines import SCHEMA, End, Head, Line, Reading
from shared.whatif.changes import Asked, BadChange
from shared.whatif.outcome import Outcome, what_if
from tests.second_judge.second_judge import judge
from tests.second_judge.test_agreement import EDITIONS, facts_of, policy_of, standing_of
from tests.second_judge.worlds import GROUPS, make_world
from tests.whatif import second_changes as second

Row = dict[str, Any]
RULES = load_rules()
WORLDS, USERS = 40, 120
CIRCLES = ("c1000000-0000-4000-8000-000000000000", "c2000000-0000-4000-8000-000000000000")
"""Groups of whose members the snapshot tells."""


class Case:
    """A world with groups, what is asked of it, and the same change made by hand."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.world = make_world(seed, USERS)
        self.edition = EDITIONS[seed % 2]
        self.changed = copy.deepcopy(self.world)
        self.changed_edition = self.edition
        offered = self.world["tenant"]["offered"]
        self.groups = {group: self.rng.sample(offered, self.rng.randint(1, 3)) for group in GROUPS}
        ids = [user["id"] for user, _ in self.world["people"]]
        self.members = {group: set(self.rng.sample(ids, USERS // 3)) for group in CIRCLES}
        self.asked: dict[str, Any] = {}
        self.owned = [row["skuId"] for row in self.world["tenant"]["skus"]]
        self.first_groups = copy.deepcopy(self.groups)

    def lines(self) -> list[Line]:
        """The world as a snapshot."""
        facts = facts_of(self.world["tenant"], self.world["at"])
        groups = {key: LicensingGroup(id=key, sku_ids=tuple(skus)) for key, skus in self.first_groups.items()}
        head = Head(
            schema=SCHEMA,
            taken_at=self.world["at"],
            source="audit",
            rules=RULES.digest,
            policy=policy_of(self.world["policy"], self.edition),
            facts=msgspec.structs.replace(facts, groups=groups),
            groups=CIRCLES,
        )
        readings = [
            Reading(
                user=msgspec.convert(user, User),
                standing=standing_of(known),
                at=self.world["at"],
                member_of=tuple(group for group in CIRCLES if user["id"] in self.members[group]),
            )
            for user, known in self.world["people"]
        ]
        half = len(readings) // 2
        ends = [End(users=half, verdicts=""), End(users=len(readings) - half, verdicts="")]
        return [head, *readings[:half], ends[0], head, *readings[half:], ends[1]]

    def outcome(self) -> Outcome:
        lines = self.lines()

        def read() -> Iterator[Line]:
            return iter(lines)

        return what_if(read, Asked(**self.asked), RULES)

    def expected(self) -> dict[str, tuple[str, Row]]:
        """By the second judge: user id to the state before and the whole answer after."""
        before = {
            user["id"]: judge(
                user, self.world["tenant"], self.world["policy"], known, self.world["at"], self.edition
            )["state"]
            for user, known in self.world["people"]
        }
        return {
            user["id"]: (
                before[user["id"]],
                judge(
                    user,
                    self.changed["tenant"],
                    self.changed["policy"],
                    known,
                    self.changed["at"],
                    self.changed_edition,
                ),
            )
            for user, known in self.changed["people"]
        }


def writeback(case: Case) -> None:
    value = case.rng.choice(("on", "off", "unknown"))
    case.asked["writeback"] = value
    case.changed["policy"]["writeback"] = value


def edition(case: Case) -> None:
    case.changed_edition = case.asked["edition"] = case.rng.choice(EDITIONS)


def scope(case: Case) -> None:
    wanted = case.rng.sample(CIRCLES, case.rng.randint(0, 2))
    if wanted:
        case.asked["scope"] = f"groups:{','.join(wanted)}"
        second.scope_members(case.changed, wanted, case.members)
    else:
        case.asked["scope"] = "all"
        second.scope_everyone(case.changed)


def drop_skus(case: Case) -> None:
    held = Counter(line["skuId"] for user, _ in case.world["people"] for line in user["assignedLicenses"])
    listed = [sku for sku, _ in held.most_common(12) if RULES.skus.get(sku)]
    chosen = [sku for sku, _ in held.most_common(12) if sku in case.owned] if case.owned else listed
    dropped = case.rng.sample(chosen, min(2, len(chosen)))
    case.asked["drop"] = tuple(dropped)
    for sku in dropped:
        second.drop(case.changed, case.groups, sku)


def add_seats(case: Case) -> None:
    waiting = [
        state["skuId"]
        for user, _ in case.changed["people"]
        for state in user["licenseAssignmentStates"]
        if state["error"] == "CountViolation" and second.row_of(case.changed, state["skuId"])
    ]
    chosen = sorted({*waiting})[:3] or [sku for sku in case.owned if second.row_of(case.changed, sku)][:1]
    bought = {sku: case.rng.randint(1, 8) for sku in chosen}
    case.asked["add"] = tuple(f"{sku}={seats}" for sku, seats in bought.items())
    second.buy(case.changed, bought)


def move_group(case: Case) -> None:
    source, target, last = case.rng.sample(GROUPS, 3)
    moves = [(source, target)] + ([(target, last)] if case.rng.random() < 0.3 else [])
    case.asked["move"] = tuple(f"{one}:{other}" for one, other in moves)
    shown = {group: second.plans_off(case.world, group) for group in GROUPS}
    for one, other in moves:
        second.move(case.changed, case.groups, shown[other], one, other)


def everything(case: Case) -> None:
    for change in (writeback, edition, scope, drop_skus, add_seats, move_group):
        change(case)


Change = Callable[[Case], None]
CHANGES: tuple[Change, ...] = (writeback, edition, scope, drop_skus, add_seats, move_group, everything)
NEED_SEATS = (add_seats, move_group, everything)


@pytest.mark.parametrize("change", CHANGES, ids=lambda one: one.__name__)
def test_both_say_the_same_of_every_user(change: Change) -> None:
    differing: Counter[str] = Counter()
    for seed in range(WORLDS):
        case = Case(seed)
        if change in NEED_SEATS and not case.owned:
            case.asked["move"] = (f"{GROUPS[0]}:{GROUPS[1]}",)
            with pytest.raises(BadChange):
                case.outcome()
            continue
        change(case)
        outcome, expected = case.outcome(), case.expected()
        wanted = {
            key: (was, after["state"], after["rule"], after["cause"])
            for key, (was, after) in expected.items()
            if was != after["state"]
        }
        given = {one.id: (one.before.value, one.after.value, one.rule, one.cause) for one in outcome.changed}
        assert given == wanted, (seed, case.asked)
        counts = Counter(after["state"] for _, after in expected.values())
        assert {state.value: n for state, n in outcome.after.states.items() if n} == counts
        for one in outcome.seats:
            row = second.row_of(case.changed, one.sku_id)
            if row is not None:
                assert one.after.consumed == row["consumedUnits"], (seed, one.name)
        differing.update(f"{was} to {to_be}" for was, to_be, _, _ in given.values())
        differing["served"] += outcome.dealt.served
        differing["unserved"] += outcome.dealt.waiting - outcome.dealt.served
        differing["moved"] += outcome.dealt.moved - outcome.dealt.refused
        differing["refused"] += outcome.dealt.refused
    assert sum(differing.values()) > 30, differing
    if change is add_seats:
        assert min(differing["served"], differing["unserved"]) > 0
    if change is move_group:
        assert min(differing["moved"], differing["refused"]) > 10
