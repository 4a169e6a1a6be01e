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
from shared.model import AssignedLicense, Registration, Standing, State, User
from shared.reach import EXCLUSIONS
from shared.rules.loader import load_rules
from shared.texts.catalogue import Catalogue, catalogue, languages
from tests.explain.approve import explained
from tests.explain.saved import AT, BY_NAME, E3, P1, PLANS, head, readings, user_id
from tests.judgement.asking import verdict_by
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
                assert one.verdict == verdict_by(judging, typed, standing, world["at"], one.edition)
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
    user, tenant, policy = copy.deepcopy(user), copy.deepcopy(world["tenant"]), dict(world["policy"])
    for step in change.steps:
        match step.code:
            case "assign":
                user["assignedLicenses"].append({"skuId": step.about, "disabledPlans": []})
                [sku] = [row for row in tenant["skus"] if row["skuId"] == step.about]
                sku["consumedUnits"] += 1
            case "lose":
                for name in ("assignedLicenses", "licenseAssignmentStates"):
                    user[name] = [one for one in user[name] if one["skuId"] != step.about]
            case "lose-role":
                known = {**known, "registration": {**known["registration"], "isAdmin": False}}
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


def test_of_everybody_who_is_covered_it_is_told_what_cover_hangs_on() -> None:
    either_is_enough = 0
    for seed in range(CHUNKS * WORLDS):
        for *_, proof in proofs(seed):
            if proof.state is State.COVERED:
                assert proof.changes, proof.account.id
                first = proof.changes[0].steps
                either_is_enough += len(first) > 1 and first[0].code == "lose-role"
    assert either_is_enough > 1


def of_one(user: User, *, admin: bool = False) -> Proof:
    """The proof of a user in reach of the saved tenant, by its policy: writeback is on."""
    tenant = head()
    row = Registration(id=user.id, is_sspr_enabled=True, is_admin=admin)
    standing = Standing(registration=row)
    return proof_of(user, standing, tenant.facts, RULES, tenant.policy, AT, source=SNAPSHOT)


def holding(name: str, *off: str, synced: bool = False) -> User:
    """A user with one licence, these of its plans switched off."""
    licence = AssignedLicense(sku_id=BY_NAME[name].sku_id, disabled_plans=off)
    [user] = [one.user for one in readings() if one.user.id == user_id("ada")]
    return msgspec.structs.replace(
        user, assigned_licenses=(licence,), on_premises_sync_enabled=synced or None
    )


@pytest.mark.parametrize("language", languages())
def test_an_administrator_with_a_licence_is_told_that_none_is_needed_and_what_both_hang_on(
    language: str,
) -> None:
    proof = of_one(holding(P1), admin=True)
    assert proof.state is State.COVERED
    told = {tuple(step.code for step in one.steps): one.states[EDITIONS[0]] for one in proof.changes}
    assert told[("lose-role", "lose")] is State.UNCOVERED
    texts = catalogue(language)
    flowing = " ".join(as_text(worded(proof, RULES, texts)).split())
    assert flowing.count(texts.text("explain", "notes", "administrator-free")) == len(EDITIONS)
    assert texts.text("explain", "nothing") not in flowing
    # Where writeback is asked the licence is needed, and the note says so beside the part that is free.
    synced = of_one(holding(P1, synced=True), admin=True)
    assert [step.code for step in synced.changes[0].steps] == ["lose"]
    assert [note.code for note in synced.editions[0].notes] == ["administrator-free"]
    assert of_one(holding(P1)).editions[0].notes == ()


@pytest.mark.parametrize("language", languages())
def test_a_plan_that_is_off_is_told_beside_the_rule_that_is_applied_because_of_it(language: str) -> None:
    proof = of_one(holding(P1, PLANS["p1"], synced=True))
    verdict = proof.editions[0].verdict
    assert (verdict.state, verdict.rule, verdict.cause) == (State.WRITEBACK_UNCOVERED, "S7", "plan-off")
    texts = catalogue(language)
    short = texts.text("rules", EDITIONS[0], "S7")
    rule = texts.text("explain", "rule", rule="S7", short=short)
    why = texts.text("explain", "notes", "plan-off", sku=proof.licences[0].name)
    flowing = " ".join(as_text(worded(proof, RULES, texts)).split())
    assert f"{rule} {why}" in flowing
    assert of_one(holding(E3, synced=True)).editions[0].notes == ()


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
    codes: dict[str, set[str]] = {"steps": set(), "reasons": set(), "warnings": set(), "notes": set()}
    at_random = [one[-1] for seed in range(CHUNKS * WORLDS) for one in proofs(seed)]
    for proof in (*at_random, *map(explained, read_cases(CASES / "verdicts.toml"))):
        codes["steps"] |= {step.code for change in proof.changes for step in change.steps}
        for one in proof.editions:
            codes["notes"] |= {note.code for note in one.notes}
            assert {note.rule for note in one.notes} <= {rule.id for rule in one.rules}
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
