"""Large tenants: the decision's work grows with the findings, not with findings times something else."""

import time
from collections.abc import Callable, Iterable
from typing import Any

from shared.model import Because, Moment
from shared.notify.deciding.decide import Decision, decide
from shared.notify.deciding.scene import Scene, Telling
from shared.notify.entries import Entry, after
from shared.notify.exceptions.exemptions import Exemption
from shared.notify.table import RouteMemory, Table
from tests.notify.story import RULES, START, line, second

USERS = 4000
TOLD = {"teams": RouteMemory(baseline_told_at=second(-90_000), digest_at=second(-1))}


def users(*because: Because) -> list[Entry]:
    """As many users with a finding, each for one of these reasons in turn."""
    return [
        entry
        for number in range(USERS)
        if (
            entry := after(
                None,
                line(
                    1,
                    -80_000,
                    Moment.OPENED,
                    f"u{number}",
                    because=because[number % len(because) :][:1] if because else (),
                ),
                second(-80_000),
            )
        )
    ]


def decided(entries: Iterable[Entry], exemptions: tuple[Exemption, ...] = ()) -> Decision:
    """What is decided of these."""
    scene = Scene(now=START, baseline_ended_at=second(-90_000), users=USERS, exemptions=exemptions)
    table = Table(entries={one.id: one for one in entries}, routes=TOLD)
    return decide(table, RULES.mutes, Telling(), scene)


def cpu(work: Callable[[], object]) -> float:
    """The least of three times."""
    times = []
    for _ in range(3):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


def groups(many: int) -> tuple[list[Entry], list[Because]]:
    """Groups that are all short of the same product, and what points to each."""
    found = []
    for number in range(many):
        place: dict[str, Any] = {"subject_type": "group", "subject": f"group-{number}", "about": "sku-e5"}
        entry = after(
            None,
            line(1, -80_000, Moment.OPENED, f"g{number}", kind="licence-errors", state="error", **place),
            second(-80_000),
        )
        if entry:
            found.append(entry)
    return found, [Because(kind="licence-errors", about="sku-e5", subject=one.subject_id) for one in found]


def test_one_product_short_in_many_groups_costs_no_more_than_in_one() -> None:
    one, because_of_one = groups(1)
    many, because_of_many = groups(1000)
    few, lot = [*one, *users(*because_of_one)], [*many, *users(*because_of_many)]
    assert decided(lot).why("u3999") == decided(few).why("u3999") is not None
    assert cpu(lambda: decided(lot)) < 20 * cpu(lambda: decided(few))


def test_a_thousand_exceptions_that_end_soon_cost_no_more_than_a_few() -> None:
    everybody = users()
    exemptions = tuple(
        Exemption(
            id=f"x{number}",
            owner="Ada",
            reason="leaves",
            created_at=second(-30 * 86_400),
            until=second(86_400),
            subject_type="user",
            subject_id=f"somebody-{number}",
        )
        for number in range(1000)
    )
    assert cpu(lambda: decided(everybody, exemptions)) < 20 * cpu(lambda: decided(everybody, exemptions[:1]))
