"""A judge remembers what it worked out; nobody may be able to tell (judgement.md §1-§4)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import shared.judgement
from shared.judgement import Judge
from shared.model import (
    AssignedLicense,
    Evidence,
    EvidenceStatus,
    Identity,
    Judged,
    Registration,
    Standing,
    TenantFacts,
    User,
)
from shared.reach import SYNC_NAME
from shared.rules.loader import Rules, load_rules
from shared.rules.policy import Policy
from tests.judgement.strategies import A1, AT, EMS, OFFICE_E3, policies, standings, tenants, users

RULES = load_rules()
MAX_AGE = Policy().report_max_age
READ_AT = AT - timedelta(hours=1)

MARKS = {
    "user_principal_name": (
        None,
        "",
        "ann@contoso.com",
        "sync_dc1_0123456789ab@contoso.com",
        "SYNC_DC1_0123456789AB@contoso.com",
        "ADToAADSyncServiceAccount@contoso.com",
        "sybil@contoso.com",
        "adam@contoso.com",
    ),
    "display_name": (None, "", "Ann", SYNC_NAME, f"  {SYNC_NAME.upper()} ", "A" * len(SYNC_NAME)),
    "creation_type": (None, "", "Invitation", "LocalAccount"),
    "external_user_state": (None, "", "Accepted", "PendingAcceptance"),
    "identities": ((), (Identity(issuer="contoso.com"),), (Identity(issuer="fabrikam.com"),)),
}
marks = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in MARKS.items()})
people = st.builds(lambda user, worn: msgspec.structs.replace(user, **worn), users(), marks)

# As new objects: two times that are equal need not be one.
moments = st.sampled_from((0, 5, 47, 49, 24 * 13, 24 * 14 - 1, 24 * 14, 24 * 60)).map(
    lambda hours: READ_AT + timedelta(hours=hours)
)
moments |= st.just(READ_AT + MAX_AGE + timedelta(seconds=1))
asked = st.lists(st.tuples(people, standings, moments), min_size=2, max_size=8)


def told_apart(rules: Rules) -> Rules:
    """The rules with editions that say different things of internal guests."""
    one, other = rules.editions.values()
    changed = {
        edition.id: msgspec.structs.replace(edition, options={**edition.options, "internal_guests": choice})
        for edition, choice in ((one, "not_in_reach"), (other, "judge"))
    }
    return msgspec.structs.replace(rules, editions=changed)


@pytest.fixture(params=[1, 3, 4_000], ids=lambda size: f"remembering-{size}")
def remembering(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How much a judge keeps: so little that it forgets all the time, or more than it will ever see."""
    monkeypatch.setattr(shared.judgement, "REMEMBERED", request.param)


@pytest.mark.usefixtures("remembering")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked, tenants(), policies, st.booleans(), st.booleans())
def test_a_judge_with_memory_says_of_any_users_in_any_order_what_one_without_says(
    questions: Sequence[tuple[User, Standing, datetime]],
    facts: TenantFacts,
    policy: Policy,
    read: bool,
    apart: bool,
) -> None:
    rules = told_apart(RULES) if apart else RULES
    if read:
        evidence = {"registration": Evidence(status=EvidenceStatus.OK, read_at=READ_AT)}
        facts = msgspec.structs.replace(facts, evidence=evidence)
    remembering = Judge(rules, policy, facts)
    for user, standing, at in (*questions, *reversed(questions)):
        fresh = Judge(rules, policy, facts)
        assert remembering.judged(user, standing, at) == fresh.judged(user, standing, at)
        governing = remembering.judged(user, standing, at).verdict
        assert governing == fresh.grounds(user, standing, at)[0].verdict


def test_a_judge_that_has_seen_as_many_sets_of_licences_as_it_keeps_starts_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shared.judgement, "REMEMBERED", 2)
    judge = Judge(RULES, Policy(scope="all"), TenantFacts(tenant_id="t"))

    def ask(sku_id: str) -> Judged:
        user = User(id="u", account_enabled=True, assigned_licenses=(AssignedLicense(sku_id=sku_id),))
        return judge.judged(user, Standing(), AT)

    first = ask(EMS)
    assert ask(A1) is not first
    assert ask(EMS) is first
    ask(OFFICE_E3)
    again = ask(EMS)
    assert again == first
    assert again is not first


def test_one_time_for_which_the_report_counts_says_nothing_of_another() -> None:
    evidence = {"registration": Evidence(status=EvidenceStatus.OK, read_at=READ_AT)}
    judge = Judge(RULES, Policy(scope="auto"), TenantFacts(tenant_id="t", evidence=evidence))
    user = User(id="u", account_enabled=True, user_type="Member")
    out = Standing(registration=Registration(id="u"))
    last = READ_AT + MAX_AGE
    told = [judge.judged(user, out, at).verdict.reach for at in (last, last + timedelta(seconds=1), last)]
    assert told == ["sspr-not-enabled", "assumed", "sspr-not-enabled"]
