"""The three questions, kept apart (design §1): does it function, is it compliant, can it write back. Pure."""

from collections.abc import Mapping

from shared.findings.licences import Licences
from shared.model import State, Tier
from shared.report.counting import Tally
from shared.report.figures import Question, Report
from shared.rules.editions import Edition
from shared.rules.policy import Policy

YES, NO, UNKNOWN, NOT_ASKED = "yes", "no", "unknown", "not-asked"

RULES_OF = {"function": ("S1",), "compliance": ("S3", "S4", "S5"), "writeback": ("S6", "S7")}
"""The rules of Microsoft's page of 2017 that ask each; a later edition asks by those that follow them."""


def questions(licences: Licences, tally: Tally, *, whole: bool) -> tuple[Question, ...]:
    """The three, answered by what is known. `whole`: a reading of all users has ended.

    What is known of a part of the users can only be bad news: before all were read nothing is answered `yes`
    that is asked of each of them.
    """
    edition = licences.rules.editions.get(licences.policy.edition)
    return (
        Question(code="function", answer=_functions(licences), rules=_rules("function", edition)),
        _of_users("compliance", edition, tally.reset, licences.policy, whole=whole),
        _of_users("writeback", edition, tally.writeback, licences.policy, whole=whole),
    )


def differ_from_states(report: Report) -> bool:
    """Whether compliance counts otherwise than the states do: it asks for a part of each verdict.

    Who is not covered for writeback lacks what a synchronised user needs to reset at all, and is a `no` here
    too; but a licence that would do, with its plan turned off, is enough for the terms.
    """
    states = tuple(report.states.get(one, 0) for one in (State.COVERED, State.UNCOVERED, State.UNDETERMINED))
    asked = [one for one in report.questions if one.code == "compliance"]
    return any((one.covered, one.uncovered, one.undetermined) != states for one in asked)


def _rules(code: str, edition: Edition | None) -> tuple[str, ...]:
    wanted = RULES_OF[code]
    rules = edition.rules if edition else {}
    return tuple(key for key, rule in rules.items() if key in wanted or set(rule.follows) & set(wanted))


def _functions(licences: Licences) -> str:
    """Whether a licence is assigned with which password reset works; unknown where none surely is and one
    may be, or the products were never read."""
    facts = licences.facts
    held = [sku_id for sku_id, sku in facts.skus.items() if sku.consumed > 0]
    if any(licences.tier(sku_id) > Tier.NONE for sku_id in held):
        return YES
    if not facts.skus and facts.evidence_of("skus").read_at is None:
        return UNKNOWN
    return UNKNOWN if any(licences.now[sku_id].reset != "no" for sku_id in held) else NO


def _of_users(
    code: str, edition: Edition | None, counts: Mapping[str, int], policy: Policy, *, whole: bool
) -> Question:
    covered, uncovered = counts.get("yes", 0), counts.get("no", 0)
    undetermined = counts.get("undetermined", 0)
    if uncovered:
        answer = NO
    elif undetermined or not whole:
        answer = UNKNOWN
    else:
        answer = YES if covered else NOT_ASKED
    if code == "writeback" and policy.writeback == "off":
        answer = NOT_ASKED
    return Question(
        code=code,
        answer=answer,
        rules=_rules(code, edition),
        covered=covered,
        uncovered=uncovered,
        undetermined=undetermined,
    )
