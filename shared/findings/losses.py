"""What a user lost when a finding opened or grew worse: the licences that were held before and are no more.

A finding says how things stand now; only the record before tells what changed. Pure.
"""

from collections.abc import Collection, Mapping

import msgspec

from shared.model import Finding, OpenFinding, State

KIND = "coverage"
"""The kind that a lost licence opens; the others are about a licence that is still there."""

FACT = "lost"

_WORSE = (State.UNDETERMINED, State.WRITEBACK_UNCOVERED, State.UNCOVERED)
"""The states of that kind, the least bad first."""


def with_lost(
    found: tuple[Finding, ...],
    open_now: Mapping[str, OpenFinding],
    *,
    before: Collection[str],
    counted: Collection[str],
    held: Collection[str],
) -> tuple[Finding, ...]:
    """The same findings, with the SKUs that the user lost in the fact `lost` of the one about coverage.

    `before`: SKU ids that the record held; `counted`: those of them by which its verdict was reached; `held`:
    those that the user holds now. News only where one that counted went and the finding opens or grows worse.
    While the finding stays open, what was lost stays said until it is held again, so that the same reading
    twice gives the same finding.
    """
    return tuple(
        _with_lost(one, open_now.get(one.key), before, counted, held) if one.kind == KIND else one
        for one in found
    )


def _with_lost(
    finding: Finding,
    known: OpenFinding | None,
    before: Collection[str],
    counted: Collection[str],
    held: Collection[str],
) -> Finding:
    lost = {str(one) for one in known.finding.facts.get(FACT, ())} if known else set()
    gone = set(before) - set(held)
    if gone & set(counted) and (known is None or _worse(known.finding.state, finding.state)):
        lost |= gone
    lost -= set(held)
    if not lost:
        return finding
    return msgspec.structs.replace(finding, facts={**finding.facts, FACT: sorted(lost)})


def _worse(before: str, now: str) -> bool:
    return _WORSE.index(State(now)) > _WORSE.index(State(before))
