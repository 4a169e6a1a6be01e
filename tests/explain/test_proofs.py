"""A proof says what the judge says, on random tenants; what would change a verdict does, by either judge."""

import copy
from collections import Counter
from typing import Any

import msgspec
import pytest

from admin.explain import exit_status
from shared.explain.proof import DECIDES, SNAPSHOT, Change, Proof
from shared.explain.proving import proof_of
from shared.explain.wording import WIDTH, as_text, worded
from shared.judgement import Judge
from shared.model import State, User
from shared.reach import EXCLUSIONS
from shared.rules.loader import load_rules
from shared.texts.catalogue import Catalogue, catalogue, languages
from tests.explain.approve import explained
from tests.judgement.case_file import CASES, read_cases
from tests.second_judge.second_judge import judge
from tests.second_judge.test_agreement import EDITIONS, facts_of, policy_of, standing_of
from tests.second_judge.worlds import make_world

RULES = load_rules()
Row = dict[str, Any]
CHUNKS, WORLDS, USERS = 4, 15, 12


def proofs(seed: int) -> list[tuple[Row, Row, Row, str, Proof]]:
    """A world's people with their proofs, by each edition in turn."""
    world = make_world(seed, USERS)
    facts = facts_of(world["tenant"], world["at"])
    edition = EDITIONS[seed % 2]
    policy = policy_of(world["policy"], edition)
    return [
        (
            world,
            user,
            known,
            edition,
            proof_of(
                msgspec.convert(user, User),
                standing_of(known),
                facts,
                RULES,
                policy,
                world["at"],
                source=SNAPSHOT,
            ),
        )
        for user, known in world["people"]
    ]


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_proof_never_disagrees_with_the_judge(chunk: int) -> None:
    for seed in range(chunk * WORLDS, (chunk + 1) * WORLDS):
        for world, user, known, edition, proof in proofs(seed):
            facts = facts_of(world["tenant"], world["at"])
            judging = Judge(RULES, policy_of(world["policy"], edition), facts)
            typed, standing = msgspec.convert(user, User), standing_of(known)
            judged = judging.judged(typed, standing, world["at"])
            governing, *others = proof.editions
            assert (governing.edition, governing.governs) == (edition, True)
            assert governing.verdict == judged.verdict
            assert {one.edition: one.verdict.state for one in others} == judged.others
            assert set(proof.differing) == set(judged.differing)
            for one in proof.editions:
                assert one.verdict == judging.verdict(typed, standing, world["at"], one.edition)
                assert one.reach[-1].code == one.verdict.reach
                assert [step.outcome for step in one.reach].count(DECIDES) == 1
                assert [rule.id for rule in one.rules][:1] == [one.verdict.rule] * bool(one.verdict.rule)
            assert [one.sku_id for one in proof.licences] == [
                one.sku_id for one in governing.verdict.holdings
            ]


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_what_is_said_to_change_a_verdict_changes_it(chunk: int) -> None:
    told: Counter[bool] = Counter()
    for seed in range(chunk * WORLDS, (chunk + 1) * WORLDS):
        for world, user, known, edition, proof in proofs(seed):
            for one in proof.changes:
                assert one.states[edition] is not proof.state
                if proof.state in (State.UNCOVERED, State.WRITEBACK_UNCOVERED):
                    assert one.states[edition] in (State.COVERED, State.NOT_IN_REACH)
                again = second_opinion(one, world, user, known, edition)
                told[again is not None] += 1
                assert again is None or again == one.states[edition], (seed, user["id"], one)
    assert told[True] > 150


def second_opinion(change: Change, world: Row, user: Row, known: Row, edition: str) -> str | None:
    """The second judge's state after the change; None for one that it has no form for."""
    if len(change.steps) != 1:
        return None
    user, tenant, policy = copy.deepcopy(user), copy.deepcopy(world["tenant"]), dict(world["policy"])
    [step] = change.steps
    match step.code:
        case "assign":
            user["assignedLicenses"].append({"skuId": step.about, "disabledPlans": []})
            [sku] = [row for row in tenant["skus"] if row["skuId"] == step.about]
            sku["consumedUnits"] += 1
        case "lose":
            for name in ("assignedLicenses", "licenseAssignmentStates"):
                user[name] = [one for one in user[name] if one["skuId"] != step.about]
        case "disable-account" | "enable-account":
            user["accountEnabled"] = step.code == "enable-account"
        case "set-setting":
            name, _, value = step.about.partition("=")
            names = {"PASSWORD_WRITEBACK": "writeback"}
            policy[names.get(name, name.lower())] = value
        case "leave-emergency":
            known = {**known, "emergency": False}
        case _:
            return None
    state: str = judge(user, tenant, policy, known, world["at"], edition)["state"]
    return state


def test_each_step_of_reach_before_the_one_that_decides_is_one_that_the_judge_passed() -> None:
    order = [one.code for one in EXCLUSIONS]
    seen: set[str] = set()
    for seed in range(WORLDS):
        for _, _, _, _, proof in proofs(seed):
            codes = [step.code for step in proof.editions[0].reach]
            excluded = [code for code in codes if code in order]
            assert excluded == order[: len(excluded)]
            assert codes[-1] in excluded or excluded == order
            seen.add(codes[-1])
    assert set(order) <= seen


def test_every_step_and_reason_and_warning_that_comes_up_has_words_of_its_own(texts: Catalogue) -> None:
    codes: dict[str, set[str]] = {"steps": set(), "reasons": set(), "warnings": set()}
    at_random = [one[-1] for seed in range(CHUNKS * WORLDS) for one in proofs(seed)]
    for proof in (*at_random, *map(explained, read_cases(CASES / "verdicts.toml"))):
        codes["steps"] |= {step.code for change in proof.changes for step in change.steps}
        for one in proof.editions:
            codes["reasons"] |= {holding.reason for holding in one.verdict.holdings}
            codes["warnings"] |= {code for holding in one.verdict.holdings for code in holding.warnings}
    for section, found in codes.items():
        written = texts.codes("explain", section)
        assert found <= written, section
        # No class or plan that gets as far as being asked is answered "no" by an edition today.
        assert written - found <= {"edition-no"}, section


def test_words_of_a_random_user_fit_the_width_and_leave_no_place_open() -> None:
    for seed in range(6):
        for _, _, _, _, proof in proofs(seed):
            for language in languages():
                text = as_text(worded(proof, RULES, catalogue(language)))
                assert max(map(len, text.splitlines())) <= WIDTH
                assert "{" not in text


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (State.COVERED, 0),
        (State.NOT_IN_REACH, 0),
        (State.UNCOVERED, 3),
        (State.WRITEBACK_UNCOVERED, 3),
        (State.UNDETERMINED, 4),
    ],
)
def test_the_exit_status_tells_the_state(state: State, status: int) -> None:
    assert exit_status(state) == status
