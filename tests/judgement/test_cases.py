"""Every case of `tests/cases/verdicts.toml` holds by both editions; nothing that matters lacks a case."""

from itertools import chain

import pytest

from shared.judgement import Judge
from shared.rules.loader import load_rules
from tests.judgement.asking import verdict_by
from tests.judgement.case_file import AT, CASES, EDITIONS, Case, read_cases

VERDICTS = read_cases(CASES / "verdicts.toml")

# Every row of the tables in judgement.md §1-§4 and every trap of the SKU names, by the name a case proves it.
# Traps: "skus §1" look-alike plans, §5 paid or free, §6 names, §7 edge cases.
MUST_BE_PROVED = (
    # judgement §2
    "judgement §2 step 1 room",
    "judgement §2 step 1 device",
    "judgement §2 step 1 unattended",
    "judgement §2 step 1 resource account",
    "judgement §2 step 1 no",
    "judgement §2 step 2 count",
    "judgement §2 step 2 by class",
    "judgement §2 step 2 ignore",
    "judgement §2 step 2 ignore writeback",
    "judgement §2 step 3 P2",
    "judgement §2 step 3 P1",
    "judgement §2 step 3 Basic",
    "judgement §2 step 3 Basic no",
    "judgement §2 step 3 Basic for education",
    "judgement §2 step 3 Basic for education no",
    "judgement §2 step 3 by the tenant's plans",
    "judgement §2 step 3 P2 without P1",
    "judgement §2 step 4 paid suite",
    "judgement §2 step 4 paid suite of 2025",
    "judgement §2 step 4 standalone workload",
    "judgement §2 step 4 free",
    "judgement §2 step 4 viral",
    "judgement §2 step 4 trial",
    "judgement §2 step 4 test",
    "judgement §2 step 5 not Office",
    "judgement §2 step 5 unknown",
    "judgement §2 step 5 no",
    "judgement §2 step 5 misread",
    "judgement §2 step 5 misread Project",
    "judgement §2 step 5 misread government",
    "judgement §2 nothing",
    "judgement §2 plan-off compliance",
    "judgement §2 plan-off writeback",
    "judgement §2 plan-off no",
    "judgement §2 plan-off P2 only",
    "judgement §2 plan-off without writeback",
    "judgement §2 plan-off Basic",
    "judgement §2 usable 0",
    "judgement §2 Warning counts",
    "judgement §2 pool-short",
    "judgement §2 pool-short no",
    "judgement §2 usable",
    "judgement §2 trial all paid",
    "judgement §2 trial all trial",
    "judgement §2 trial mixed enough",
    "judgement §2 trial mixed",
    "judgement §2 trial no row",
    "judgement §2 trial suspended",
    "judgement §2 trial suspended no",
    "judgement §2 trial unreadable",
    "judgement §2 trial of P1",
    "judgement §2 trial of Basic",
    "judgement §2 state Active",
    "judgement §2 state ActiveWithError",
    "judgement §2 state Error",
    "judgement §2 state Disabled",
    "judgement §2 one Active source",
    "judgement §2 state Error unassigned",
    "judgement §2 state Error irrelevant",
    "judgement §2 state Error free",
    "judgement §2 no state",
    "judgement §2 error CountViolation",
    "judgement §2 no error CountViolation",
    "judgement §2 error MutuallyExclusiveViolation",
    "judgement §2 no error MutuallyExclusiveViolation",
    "judgement §2 error DependencyViolation",
    "judgement §2 no error DependencyViolation",
    "judgement §2 error ProhibitedInUsageLocationViolation",
    "judgement §2 no error ProhibitedInUsageLocationViolation",
    "judgement §2 error UniquenessViolation",
    "judgement §2 no error UniquenessViolation",
    "judgement §2 error Other",
    "judgement §2 no error Other",
    "judgement §2 error Others",
    "judgement §2 no error Others",
    "judgement §2 error BrandNewViolation",
    "judgement §2 no error BrandNewViolation",
    "judgement §2 error (null)",
    "judgement §2 no error (null)",
    "judgement §2 error (empty)",
    "judgement §2 no error (empty)",
    "judgement §2 error None",
    "judgement §2 no error None",
    "judgement §2 gone",
    "judgement §2 gone unclassed",
    "judgement §2 gone free",
    "judgement §2 gone writeback",
    "judgement §2 never read",
    "judgement §2 never read unclassed",
    # skus §5
    "skus §5.5 A1",
    "skus §5.1 plan content",
    "skus §5.1 trial pool",
    "skus §5.5 donation",
    "skus §5.5 A3",
    # skus §7
    "skus §7.3",
    "skus §7.9",
    "skus §7.1",
    "skus §7.4",
    "skus §7.4 LockedOut",
    "skus §7.4 Deleted",
    "skus §7.4 Warning",
    "skus §7.6",
    "skus §7.5",
    "skus §7.2 yes",
    "skus §7.2 no Entra Suite",
    "skus §7.2 no MFA",
    "skus §7.2 no Intune",
    "skus §7.2 no E5 Security for EMS E5",
    "skus §7.7 F1",
    "skus §7.8 M365EDU_A3_FACULTY",
    "skus §7.8 M365EDU_A5_FACULTY",
    "skus §7.8 M365_G3_GOV",
    "skus §7.8 M365_G5_GCC",
    "skus §7.8 SPB",
    "skus §7.8 MICROSOFT_365_E7",
    "skus §7.8 M365EDU_A3_STUUSEBNFT",
    "skus §7.8 Microsoft_365_Business_Premium_Donation_(Non_Profit_Pricing)",
    # skus §1
    "skus §1 EXCHANGE_S_FOUNDATION",
    "skus §1 MFA_PREMIUM",
    "skus §1 AAD_WRKLDID",
    "skus §1 Entra Suite",
    "skus §1 AAD_EDU",
    "skus §1 AAD_SMB",
    # judgement §3
    "judgement §3 account-disabled",
    "judgement §3 account-disabled null",
    "judgement §3 sync-account UPN",
    "judgement §3 sync-account cloud sync",
    "judgement §3 sync-account name",
    "judgement §3 sync-account any case",
    "judgement §3 sync-account no",
    "judgement §3 sync-account no manager",
    "judgement §3 sync-account no short id",
    "judgement §3 sync-account no hex",
    "judgement §3 sync-account no server",
    "judgement §3 sync-account no cloud sync",
    "judgement §3 emergency",
    "judgement §3 external invitation",
    "judgement §3 external state",
    "judgement §3 external member",
    "judgement §3 external no identities",
    "judgement §3 external contradicted",
    "judgement §3 external pending",
    "judgement §3 external pending any case",
    "judgement §3 external pending no",
    "judgement §3 external unknown domains",
    "judgement §3 internal-guest",
    "judgement §3 internal-guest judge",
    "judgement §3 resource-account",
    "judgement §3 resource-account phone",
    "judgement §3 resource-account no",
    "judgement §3 resource-account empty",
    "judgement §3 scope report",
    "judgement §3 sspr-not-enabled",
    "judgement §3 scope auto",
    "judgement §3 scope auto assumed",
    "judgement §3 scope report unreadable",
    "judgement §3 unknown covered",
    "judgement §3 not-yet-reported",
    "judgement §3 not-yet-reported re-enabled",
    "judgement §3 not-yet-reported no",
    "judgement §3 not-yet-reported covered",
    "judgement §3 scope all",
    "judgement §3 scope groups",
    "judgement §3 outside-scope-group",
    "judgement §3 scope groups unknown",
    "judgement §3 population capable",
    "judgement §3 not-capable",
    "judgement §3 population capable unknown",
    "judgement §3 population used",
    "judgement §3 not-used",
    "judgement §3 population used unknown",
    "judgement §3 administrator",
    "judgement §3 administrators as_users",
    "judgement §3 administrator writeback",
    "judgement §3 admin-sspr-off",
    "judgement §3 admin-sspr-off no",
    "judgement §3 admin-sspr-off unknown",
    "judgement §3 administrator population",
    "judgement §3 onPremisesSyncEnabled true",
    "judgement §3 onPremisesSyncEnabled false",
    "judgement §3 onPremisesSyncEnabled none",
    # judgement §4
    "judgement §4 evidence ages",
    "judgement §4 evidence too old",
    "judgement §4 cloud-only/none on",
    "judgement §4 cloud-only/cloud on",
    "judgement §4 cloud-only/p1 on",
    "judgement §4 cloud-only/none off",
    "judgement §4 cloud-only/cloud off",
    "judgement §4 cloud-only/p1 off",
    "judgement §4 cloud-only/none unknown",
    "judgement §4 cloud-only/cloud unknown",
    "judgement §4 cloud-only/p1 unknown",
    "judgement §4 synced/on/none",
    "judgement §4 synced/on/cloud",
    "judgement §4 synced/on/p1",
    "judgement §4 synced/off/none",
    "judgement §4 synced/off/cloud",
    "judgement §4 synced/off/p1",
    "judgement §4 judge_as_cloud/none",
    "judgement §4 judge_as_cloud/cloud",
    "judgement §4 judge_as_cloud/p1",
    "judgement §4 judge_as_synced/none",
    "judgement §4 judge_as_synced/cloud",
    "judgement §4 judge_as_synced/p1",
    "judgement §4 synced/unknown/none",
    "judgement §4 synced/unknown/cloud",
    "judgement §4 synced/unknown/p1",
    "judgement §4 doubt below a sure breach",
    "judgement §4 doubt beside cover",
    "judgement §4 doubt and setting",
    "judgement §4 writeback cause assignment",
    "judgement §4 writeback cause suspended",
    "judgement §4 writeback cause no",
    "judgement §4 causes in order",
    "judgement §4 writeback cause room",
    # judgement §1
    "judgement §1 contested covered",
    "judgement §1 contested uncovered",
    "judgement §1 contested undetermined",
    # skus §6
    "skus §6 SPE_F1",
    "skus §6 M365_F1_GOV",
    "skus §6 M365_F1",
    "skus §6 M365_F1_COMM",
    "skus §6 DESKLESSPACK",
    "skus §6 O365_BUSINESS_PREMIUM",
    "skus §6 SMB_BUSINESS_PREMIUM",
    "skus §6 SPB",
    "skus §6 ENTERPRISEPREMIUM",
    "skus §6 ENTERPRISEPACK",
    "skus §6 SPE_E3",
    "skus §6 O365_w/o_Teams_Bundle_M5",
    "skus §6 O365_w/o Teams Bundle_M3",
    "skus §6 O365_w/o_Teams_Bundle_E3",
    "skus §6 Office_365_w/o_Teams_Bundle_E5",
    "skus §6 Office_365_w/o_Teams_Bundle_Business_Premium",
    "skus §6 IDENTITY_THREAT_PROTECTION",
    "skus §6 IDENTITY_THREAT_PROTECTION_FOR_EMS_E5",
    "skus §6 M365_E5_SUITE_COMPONENTS",
    "skus §6 Microsoft_365_E3_Extra_Features",
    "skus §6 M365EDU_A1",
    "skus §6 STANDARDWOFFPACK_FACULTY",
    "skus §6 STANDARDWOFFPACK",
    "skus §6 MCOPSTN5",
)


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize("case", VERDICTS, ids=lambda case: case.name)
def test_the_case_holds(case: Case, edition: str) -> None:
    judge = Judge(load_rules(), case.policy(edition), case.facts())
    verdict = judge.judged(case.user(), case.standing(), AT).verdict
    expected = dict(case.expected(edition))
    for listed in ("warnings", "because"):
        expected[listed] = sorted(expected.get(listed, ()))
    assert case.told(verdict, expected) == expected
    assert verdict.reach == case.raw.get("reach", verdict.reach)


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize("case", VERDICTS, ids=lambda case: case.name)
def test_it_makes_no_difference_which_edition_governs(case: Case, edition: str) -> None:
    other = next(one for one in EDITIONS if one != edition)
    judge = Judge(load_rules(), case.policy(other), case.facts())
    judged = judge.judged(case.user(), case.standing(), AT)
    assert judged.others[edition] == case.expected(edition)["state"]
    verdict = verdict_by(judge, case.user(), case.standing(), AT, edition)
    assert (verdict.state, verdict.cause) == tuple(case.expected(edition)[key] for key in ("state", "cause"))


@pytest.mark.parametrize("name", MUST_BE_PROVED)
def test_every_table_row_and_every_trap_has_a_case(name: str) -> None:
    assert any(name in case.proves for case in VERDICTS), f"no case proves {name}"


def test_cases_prove_only_what_is_on_the_list() -> None:
    proved = set(chain.from_iterable(case.proves for case in VERDICTS))
    assert proved <= set(MUST_BE_PROVED), f"add to MUST_BE_PROVED or correct: {proved - set(MUST_BE_PROVED)}"


def test_case_names_tell_the_cases_apart() -> None:
    names = [case.name for case in VERDICTS]
    assert sorted(set(names)) == sorted(names)
