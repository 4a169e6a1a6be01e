"""Making a finding from its kind's row: severity by state, rule by edition, remedy by circumstance."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from shared.model import Because, Finding, Sku, Step, Tier
from shared.rules.kinds import KindRow
from shared.rules.loader import Rules
from shared.rules.policy import Policy

Circumstances = Mapping[str, Sequence[Mapping[str, Any]]]
"""What is so: a circumstance's name to the things it is true of, each with the values of its steps."""

OFFERS = 3
"""How many SKUs with free seats a remedy names, and how many of their groups."""

TIER_NAMES = {Tier.CLOUD: "cloud", Tier.P1: "p1"}
"""How facts and steps name what is needed."""


def make(
    rules: Rules,
    policy: Policy,
    kind: str,
    state: str,
    *,
    about: str = "",
    cause: str = "",
    verdict_rule: str = "",
    skus: Iterable[str] = (),
    groups: Iterable[str] = (),
    facts: Mapping[str, Any] | None = None,
    so: Circumstances | None = None,
    because: Iterable[Because] = (),
) -> Finding:
    """A finding of `kind`: facts are kept where the row lists them and they are known; ids are in order."""
    row = rules.kinds[kind]
    known = facts or {}
    return Finding(
        kind=kind,
        state=state,
        severity=row.severity[state],
        rule=verdict_rule if row.rule_of_verdict else row.rule.get(policy.edition, ""),
        cause=cause,
        about=about,
        skus=tuple(sorted(set(skus))),
        groups=tuple(sorted(set(groups))),
        facts={name: known[name] for name in row.facts if known.get(name) is not None},
        remedy=remedy(row, so or {}),
        because=tuple(dict.fromkeys(because)),
    )


def remedy(row: KindRow, so: Circumstances) -> tuple[Step, ...]:
    """The steps that apply, in the row's order, each once."""
    steps: list[Step] = []
    for item in row.remedy:
        for values in so.get(item.when, ()):
            step = Step(step=item.step, values={name: values[name] for name in item.values})
            if step not in steps:
                steps.append(step)
    return tuple(steps)


def seats_to_assign(skus: Iterable[Sku], groups_of: Mapping[str, tuple[str, ...]]) -> list[dict[str, Any]]:
    """The circumstance `seat-is-free`: SKUs with free seats, and some of the groups that assign them."""
    free = itertools.islice((sku for sku in skus if sku.free > 0), OFFERS)
    return [
        {"sku": sku.sku_id, "free": sku.free, "groups": list(groups_of.get(sku.sku_id, ())[:OFFERS])}
        for sku in free
    ]
