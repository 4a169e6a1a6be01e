"""What holds of every user, tenant and policy (judgement.md §1-§4)."""

import itertools
from datetime import timedelta
from random import Random

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.judgement import Judge
from shared.model import AssignedLicense, Sku, Standing, State, TenantFacts, Tier, User, Verdict
from shared.rules.loader import load_rules
from shared.rules.policy import Policy
from tests.judgement.asking import judge, judge_editions
from tests.judgement.strategies import (
    AT,
    BUSINESS_STANDARD,
    EDITIONS,
    EMS,
    OFFICE_E3,
    P1,
    P2,
    SKUS,
    UNCLASSED,
    assigning,
    licences,
    open_policies,
    people,
    policies,
    standings,
    tenants,
    users,
)

RULES = load_rules()
BETTER = {
    State.UNCOVERED: 0,
    State.WRITEBACK_UNCOVERED: 1,
    State.UNDETERMINED: 2,
    State.NOT_IN_REACH: 3,
    State.COVERED: 4,
}


def verdict_of(user: User, standing: Standing, facts: TenantFacts, policy: Policy) -> Verdict:
    """The governing edition's verdict."""
    return judge(user, standing, facts, RULES, policy, AT)


def healthy(facts: TenantFacts, sku_id: str) -> TenantFacts:
    """The tenant with plenty of that SKU, if its SKUs have been read at all."""
    if not facts.skus:
        return facts
    sku = Sku(sku_id=sku_id, enabled=99, plans=SKUS[sku_id])
    return msgspec.structs.replace(facts, skus={**facts.skus, sku_id: sku})


@given(users(), standings, tenants(), policies)
def test_one_more_licence_that_counts_never_makes_a_verdict_worse(
    user: User, standing: Standing, facts: TenantFacts, policy: Policy
) -> None:
    # A plain P1 counts whoever holds it; a room licence beside it is no longer the only one.
    policy = msgspec.structs.replace(policy, resource_accounts="judge")
    facts = healthy(facts, EMS)
    assume(EMS not in {one.sku_id for one in user.assigned_licenses})
    before = verdict_of(user, standing, facts, policy)
    after = verdict_of(assigning(user, AssignedLicense(sku_id=EMS)), standing, facts, policy)
    assert BETTER[after.state] >= BETTER[before.state]
    assert after.tier is Tier.P1 or before.tier <= after.tier


@given(people, licences, standings, tenants(), open_policies)
def test_any_one_more_licence_never_takes_cover_away(
    user: User, extra: AssignedLicense, standing: Standing, facts: TenantFacts, policy: Policy
) -> None:
    facts = healthy(facts, EMS)
    standing = msgspec.structs.replace(standing, emergency=False, registration=None)
    covered = assigning(user, AssignedLicense(sku_id=EMS))
    assert verdict_of(covered, standing, facts, policy).state is State.COVERED
    if extra.sku_id != EMS:
        assert verdict_of(assigning(covered, extra), standing, facts, policy).state is State.COVERED


@given(users(), standings, tenants(), policies, st.randoms(use_true_random=False))
def test_the_order_of_licences_and_of_their_states_does_not_matter(
    user: User, standing: Standing, facts: TenantFacts, policy: Policy, random: Random
) -> None:
    held, states = list(user.assigned_licenses), list(user.license_assignment_states)
    random.shuffle(held)
    random.shuffle(states)
    other = msgspec.structs.replace(
        user, assigned_licenses=tuple(held), license_assignment_states=tuple(states)
    )
    assert verdict_of(other, standing, facts, policy) == verdict_of(user, standing, facts, policy)


@given(users(), standings, tenants(), policies)
def test_one_judge_for_many_users_says_what_a_new_judge_says(
    user: User, standing: Standing, facts: TenantFacts, policy: Policy
) -> None:
    shared = Judge(RULES, policy, facts)
    for synced, who in itertools.product((True, False, None), (standing, Standing(), standing)):
        one = msgspec.structs.replace(user, on_premises_sync_enabled=synced)
        assert shared.judged(one, who, AT) == judge_editions(one, who, facts, RULES, policy, AT)


@given(users(), standings, tenants(), policies)
def test_the_other_edition_says_of_itself_what_it_says_when_it_governs(
    user: User, standing: Standing, facts: TenantFacts, policy: Policy
) -> None:
    judged = judge_editions(user, standing, facts, RULES, policy, AT)
    (other,) = judged.others
    assert {other, policy.edition} == set(EDITIONS)
    governed = msgspec.structs.replace(policy, edition=other)
    assert judge_editions(user, standing, facts, RULES, governed, AT).verdict.state == judged.others[other]


@given(people, standings, tenants(), open_policies)
def test_an_undetermined_licence_never_decides_silently(
    user: User, standing: Standing, facts: TenantFacts, policy: Policy
) -> None:
    """A settled verdict stands, whether the doubtful licences turn out to be nothing or a cloud level."""
    facts = healthy(healthy(facts, UNCLASSED), BUSINESS_STANDARD)
    user = assigning(user, AssignedLicense(sku_id=UNCLASSED))
    verdict = verdict_of(user, standing, facts, policy)
    doubtful = {one.sku_id for one in verdict.holdings if one.reset == "undetermined"}
    assert UNCLASSED in doubtful
    without = msgspec.structs.replace(
        user,
        assigned_licenses=tuple(one for one in user.assigned_licenses if one.sku_id not in doubtful),
        license_assignment_states=tuple(
            one for one in user.license_assignment_states if one.sku_id not in doubtful
        ),
    )
    nothing = verdict_of(without, standing, facts, policy).state
    cloud = verdict_of(
        assigning(without, AssignedLicense(sku_id=BUSINESS_STANDARD)), standing, facts, policy
    ).state
    match verdict.state:
        case State.COVERED:
            assert nothing is State.COVERED
        case State.UNCOVERED:
            assert cloud is State.UNCOVERED
        case State.WRITEBACK_UNCOVERED:
            assert nothing in (State.UNCOVERED, State.WRITEBACK_UNCOVERED)
            assert cloud is State.WRITEBACK_UNCOVERED
        case State.UNDETERMINED:
            assert nothing is not State.COVERED


@given(people, standings, tenants(), policies)
def test_an_undetermined_verdict_names_what_is_missing(
    user: User, standing: Standing, facts: TenantFacts, policy: Policy
) -> None:
    facts = healthy(facts, UNCLASSED)
    verdict = verdict_of(assigning(user, AssignedLicense(sku_id=UNCLASSED)), standing, facts, policy)
    if verdict.state is State.UNDETERMINED:
        assert verdict.because
        assert all(one.about for one in verdict.because)
        assert all(one.kind != "licence-errors" for one in verdict.because)


@given(tenants(), policies, st.sampled_from((True, None)))
def test_an_unclassed_office_sku_alone_is_never_plainly_covered_or_uncovered_in_the_cloud(
    facts: TenantFacts, policy: Policy, enabled: bool | None
) -> None:
    facts = healthy(facts, UNCLASSED)
    policy = msgspec.structs.replace(policy, scope="all", population="enabled")
    user = User(
        id="u",
        account_enabled=enabled,
        assigned_licenses=(AssignedLicense(sku_id=UNCLASSED),),
    )
    verdict = verdict_of(user, Standing(), facts, policy)
    assert verdict.state is (State.UNDETERMINED if enabled else State.NOT_IN_REACH)


@given(users(), standings, tenants(), policies)
def test_switching_off_every_p1_takes_writeback_away_and_nothing_else(
    user: User, standing: Standing, facts: TenantFacts, policy: Policy
) -> None:
    off = msgspec.structs.replace(
        user,
        assigned_licenses=tuple(
            msgspec.structs.replace(one, disabled_plans=tuple({*one.disabled_plans, P1, P2}))
            for one in user.assigned_licenses
        ),
    )
    before, after = (verdict_of(one, standing, facts, policy) for one in (user, off))
    assert after.tier == before.tier
    assert after.counted == before.counted
    assert after.reset.answer == before.reset.answer or before.state != after.state
    assert not (after.state is State.COVERED and after.writeback.answer == "yes")


@given(users(), standings, tenants(), policies)
def test_a_verdict_is_complete_and_consistent(
    user: User, standing: Standing, facts: TenantFacts, policy: Policy
) -> None:
    verdict = verdict_of(user, standing, facts, policy)
    edition = RULES.editions[policy.edition]
    assert verdict.cause
    assert verdict.reach
    if verdict.state is State.NOT_IN_REACH:
        assert verdict.rule == ""
        assert verdict.cause == verdict.reach
        assert not verdict.warnings
        assert not verdict.because
        assert verdict.reset.answer == verdict.writeback.answer == "not-asked"
    else:
        assert verdict.rule in edition.rules
        assert verdict.reset.rule in edition.rules
    if verdict.state is State.COVERED:
        assert verdict.reset.answer == "yes"
        assert verdict.writeback.answer in ("yes", "not-asked")
        assert not verdict.because
    counting = {one.sku_id for one in verdict.holdings if one.reset == "yes"}
    assert set(verdict.counted) == counting
    assert {one.about for one in verdict.warnings} <= {one.sku_id for one in verdict.holdings}


@given(users(), standings, tenants(), policies)
def test_a_disabled_account_is_out_whatever_else(
    user: User, standing: Standing, facts: TenantFacts, policy: Policy
) -> None:
    disabled = msgspec.structs.replace(user, account_enabled=False)
    assert verdict_of(disabled, standing, facts, policy).cause == "account-disabled"


@given(people, standings, tenants(), policies)
def test_missing_evidence_of_reach_never_hides_cover(
    user: User, standing: Standing, facts: TenantFacts, policy: Policy
) -> None:
    """Whom a plain P1 covers is covered in every scope, or out for a named reason; never in doubt."""
    standing = msgspec.structs.replace(standing, registration=None)
    user = assigning(user, AssignedLicense(sku_id=EMS))
    verdict = verdict_of(user, standing, healthy(facts, EMS), policy)
    assert verdict.state in (State.COVERED, State.NOT_IN_REACH)
    assert verdict.cause not in ("not-yet-reported", "cannot-reset")


@given(users(), standings, tenants(), policies, st.timedeltas(timedelta(0), timedelta(days=60)))
def test_time_alone_never_changes_what_licences_are_worth(
    user: User, standing: Standing, facts: TenantFacts, policy: Policy, later: timedelta
) -> None:
    judge_now = Judge(RULES, policy, facts)
    now, then = judge_now.judged(user, standing, AT), judge_now.judged(user, standing, AT + later)
    assert now.verdict.holdings == then.verdict.holdings


def test_users_with_the_same_licences_share_their_verdict() -> None:
    facts = TenantFacts(
        tenant_id="t", skus={OFFICE_E3: Sku(sku_id=OFFICE_E3, enabled=9, plans=SKUS[OFFICE_E3])}
    )
    shared = Judge(RULES, Policy(scope="all"), facts)
    ann, ben = (
        User(id=name, account_enabled=True, assigned_licenses=(AssignedLicense(sku_id=OFFICE_E3),))
        for name in ("ann", "ben")
    )
    assert shared.judged(ann, Standing(), AT) is shared.judged(ben, Standing(), AT)
