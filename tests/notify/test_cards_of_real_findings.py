"""From facts to card: the real judge and the real findings, in the words that an administrator reads."""

from typing import Any

from shared import findings
from shared.model import (
    AssignedLicense,
    Evidence,
    EvidenceStatus,
    Finding,
    GroupError,
    LicenseAssignmentState,
    LicensingGroup,
    Registration,
    Sku,
    Standing,
    TenantFacts,
    Totals,
    User,
)
from shared.rules.policy import Policy
from tests.judgement.asking import judge_editions
from tests.notify.card_samples import (
    EMS_E3,
    GROUP_ID,
    OFFICE_E3,
    USER_ID,
    all_texts,
    entry_of,
    schema_faults,
    single,
)
from tests.notify.story import RULES, TENANT, second

AT = second(0)
P1 = "41781fb2-bc02-4b7c-bd55-b576c07bb09d"
EXCHANGE = "efb87545-963c-4e0d-99df-69c6916d9eb0"
POLICY = Policy(writeback="on")
READ = Evidence(status=EvidenceStatus.OK, read_at=AT, tried_at=AT)


def sku(sku_id: str, plan: str, consumed: int = 10, enabled: int = 25) -> Sku:
    return Sku(sku_id=sku_id, enabled=enabled, consumed=consumed, plans=(plan,))


def tenant(*skus: Sku, **fields: Any) -> TenantFacts:
    evidence = dict.fromkeys(("skus", "subscriptions", "organization", "groups", "registration"), READ)
    values: dict[str, Any] = {
        "tenant_id": TENANT,
        "observed_at": AT,
        "on_premises_sync": True,
        "country": "NL",
        "skus": {one.sku_id: one for one in skus},
        "evidence": evidence,
    }
    return TenantFacts(**(values | fields))


FACTS = tenant(sku(EMS_E3, P1), sku(OFFICE_E3, EXCHANGE))


def user(**fields: Any) -> User:
    values: dict[str, Any] = {
        "id": USER_ID,
        "user_principal_name": "ada@contoso.example",
        "account_enabled": True,
        "user_type": "Member",
        "usage_location": "NL",
        "on_premises_sync_enabled": True,
        "assigned_licenses": (AssignedLicense(sku_id=OFFICE_E3),),
    }
    return User(**(values | fields))


def found(one: User, facts: TenantFacts = FACTS, *, administrator: bool = False) -> dict[str, Finding]:
    row = Registration(id=one.id, is_sspr_enabled=True, is_admin=administrator)
    standing = Standing(registration=row)
    judged = judge_editions(one, standing, facts, RULES, POLICY, AT)
    return {f.kind: f for f in findings.of_user(one, judged, standing, facts, RULES, POLICY, AT)}


def shown(finding: Finding, subject_type: str, subject: str) -> str:
    payload = single(entry_of(finding, subject_type, subject))
    assert schema_faults(payload) == []
    text = "\n".join(all_texts(payload))
    assert "the code " not in text
    return text


def test_a_synced_user_with_office_only_gets_both_rules_the_cause_and_the_free_seats() -> None:
    finding = found(user())["coverage"]
    assert finding.state == "writeback-uncovered"
    text = shown(finding, "user", USER_ID)
    assert "Rule\nS5: a synchronised user needs Entra ID P1" in text
    assert "State\nNot covered: the new password of a synchronised user is written back" in text
    assert "writing the password back needs Entra ID P1 or better" in text
    assert "\nAssign Enterprise Mobility + Security E3 (Microsoft 365 admin center: Billing" in text


def test_a_synced_administrator_who_holds_nothing_is_not_told_of_licences_held() -> None:
    finding = found(user(assigned_licenses=()), administrator=True)["coverage"]
    assert (finding.state, finding.cause) == ("writeback-uncovered", "administrator-only")
    text = shown(finding, "user", USER_ID)
    assert "an administrator's role is enough in the cloud only" in text
    assert "cloud licence" not in text
    assert "licences held" not in text.lower()


def test_a_user_without_a_licence_and_without_a_location_is_told_both_steps() -> None:
    text = shown(found(user(assigned_licenses=(), usage_location=None))["coverage"], "user", USER_ID)
    assert "no licence is held" in text
    assert "set the user's usage location" in text
    assert "the directory's country NL serves" in text


def test_a_failed_assignment_reads_as_such_for_the_user_and_for_the_group() -> None:
    error = GroupError(sku_id=EMS_E3, code="CountViolation", members=4, sample=(USER_ID,))
    group = LicensingGroup(id=GROUP_ID, display_name="x", sku_ids=(EMS_E3,), errors=(error,))
    facts = tenant(sku(EMS_E3, P1, 25), sku(OFFICE_E3, EXCHANGE), groups={GROUP_ID: group})
    state = LicenseAssignmentState(
        sku_id=EMS_E3, assigned_by_group=GROUP_ID, state="Error", error="CountViolation"
    )
    of_user = found(user(license_assignment_states=(state,)), facts)
    for finding in of_user.values():
        shown(finding, "user", USER_ID)
    (of_group,) = findings.of_group(group, facts, RULES, POLICY, AT)
    text = shown(of_group, "group", GROUP_ID)
    for words in (
        "Licensing EMS",
        "Enterprise Mobility + Security E3",
        "25 of 25 in use, 0 free",
        "not enough seats",
    ):
        assert words in text


def test_every_tenant_finding_of_a_tenant_in_trouble_reads_well() -> None:
    facts = tenant(
        sku(EMS_E3, P1, consumed=30),
        sku("unheard-of", EXCHANGE),
        country=None,
        on_premises_sync=None,
        evidence={"skus": READ, "organization": READ},
    )
    totals = Totals(users=100, in_reach=90, synced_in_reach=5, no_location=3, need_p1=20, need_cloud=40)
    some = findings.of_tenant(facts, totals, RULES, POLICY, AT, problems=("facts-late",))
    assert len({finding.kind for finding in some}) >= 5
    for finding in some:
        shown(finding, "tenant", TENANT)
