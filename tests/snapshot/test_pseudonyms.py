"""Pseudonyms: nobody can be read off a snapshot, and every verdict stays what it was."""

import gzip
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.judgement import Judge
from shared.model import (
    Evidence,
    GroupError,
    Identity,
    Judged,
    LicenseAssignmentState,
    LicensingGroup,
    Registration,
    Standing,
    TenantFacts,
    User,
)
from shared.reach import is_sync_account
from shared.rules.policy import Policy
from shared.snapshot.lines import SCHEMA, Head, Reading
from shared.snapshot.pseudonyms import SHORTEST_KEY, Pseudonyms
from tests.judgement.strategies import AT, GROUPS, policies, standings, tenants, users
from tests.snapshot.snapshots import RULES, written

KEY = "k" * SHORTEST_KEY
PSEUDONYMS = Pseudonyms(KEY)
ADA = "aaaaaaaa-0000-0000-0000-000000000001"

identities = st.lists(
    st.builds(
        Identity,
        sign_in_type=st.just("userPrincipalName"),
        issuer=st.sampled_from(("contoso.com", "CONTOSO.com", "gmail.com", None)),
        issuer_assigned_id=st.just("ada@contoso.com"),
    ),
    max_size=2,
).map(tuple)
names = st.sampled_from(
    (
        ("ada@contoso.com", "Ada"),
        (
            "Sync_SRV01_0123456789ab@contoso.onmicrosoft.com",
            "On-Premises Directory Synchronization Service Account",
        ),
        ("sync_srv01_0123456789AB@contoso.com", None),
        ("ADToAADSyncServiceAccount@contoso.com", "Sync"),
        ("x@contoso.com", " on-premises directory synchronization service account"),
        (None, None),
    )
)


@st.composite
def people(draw: st.DrawFn) -> User:
    upn, name = draw(names)
    return msgspec.structs.replace(
        draw(users()),
        id=ADA,
        user_principal_name=upn,
        display_name=name,
        identities=draw(identities),
        creation_type=draw(st.sampled_from((None, "Invitation"))),
        external_user_state=draw(st.sampled_from((None, "Accepted", "PendingAcceptance"))),
    )


def without_groups(judged: Judged) -> Judged:
    """A verdict whose group ids are replaced as a snapshot's are."""
    text = msgspec.json.encode(judged).decode()
    for group in GROUPS:
        text = text.replace(group, PSEUDONYMS.object_id(group))
    return msgspec.json.decode(text, type=Judged)


def by_group(judged: Judged) -> bytes:
    """In an order that doesn't rest on how group ids sort."""
    built = msgspec.to_builtins(judged)

    def ordered(value: object) -> object:
        if isinstance(value, dict):
            return {key: ordered(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return sorted((ordered(inner) for inner in value), key=repr)
        return value

    return msgspec.json.encode(ordered(built))


@given(tenants(), policies, people(), standings)
def test_the_verdict_on_a_pseudonymised_user_is_the_same(
    facts: TenantFacts, policy: Policy, user: User, standing: Standing
) -> None:
    plain = Judge(RULES, policy, facts).judged(user, standing, AT)
    judge = Judge(RULES, PSEUDONYMS.policy(policy), PSEUDONYMS.facts(facts))
    hashed = judge.judged(PSEUDONYMS.user(user), PSEUDONYMS.standing(standing), AT)
    assert by_group(without_groups(plain)) == by_group(hashed)


def test_no_id_name_or_domain_can_be_read_in_a_pseudonymised_snapshot() -> None:
    facts = TenantFacts(
        tenant_id="tenant",
        domains=("contoso.com",),
        groups={
            GROUPS[0]: LicensingGroup(
                id=GROUPS[0],
                display_name="Payroll Zurich",
                nested=(GROUPS[1],),
                errors=(GroupError(sku_id="s", code="CountViolation", members=1, sample=(ADA,)),),
            )
        },
        watched={GROUPS[1]: (GROUPS[0],)},
        evidence={"named-groups": Evidence(unread={GROUPS[0]: ("route:Payroll Zurich", f"exception:{ADA}")})},
    )
    policy = Policy(scope="groups", scope_groups=(GROUPS[0],), emergency_group=GROUPS[1])
    reading = Reading(
        user=User(
            id=ADA,
            user_principal_name="ada.lovelace@contoso.com",
            display_name="Ada Lovelace",
            account_enabled=True,
            created_date_time=datetime(2020, 1, 1, tzinfo=UTC),
            identities=(Identity(issuer="contoso.com", issuer_assigned_id="ada@gmail.com"),),
            license_assignment_states=(LicenseAssignmentState(sku_id="s", assigned_by_group=GROUPS[1]),),
        ),
        standing=Standing(registration=Registration(id=ADA), nested_in=(GROUPS[0],)),
        at=AT,
        member_of=(GROUPS[1],),
    )
    whole = Head(
        schema=SCHEMA, taken_at=AT, source="audit", rules="", policy=policy, facts=facts, groups=(GROUPS[0],)
    )
    text = gzip.decompress(written(PSEUDONYMS.head(whole), [PSEUDONYMS.reading(reading)])).decode().casefold()
    for personal in (ADA, *GROUPS, "ada", "lovelace", "contoso.com", "gmail", "payroll", "zurich"):
        assert personal not in text.replace("metadata", ""), personal


@pytest.mark.parametrize(
    ("upn", "name"),
    [
        ("Sync_PAYROLL_0123456789ab@contoso.com", "Ada Lovelace"),
        ("ada.lovelace@contoso.com", "On-Premises Directory Synchronization Service Account"),
        ("ADToAADSyncServiceAccount@contoso.com", "Ada Lovelace"),
        ("ada", "on-premises directory synchronization service account"),
    ],
)
def test_an_account_of_synchronisation_that_bears_a_persons_name_loses_it_and_stays_one(
    upn: str, name: str
) -> None:
    user = User(id=ADA, user_principal_name=upn, display_name=name, account_enabled=True)
    assert is_sync_account(user)
    hidden = PSEUDONYMS.user(user)
    assert is_sync_account(hidden)
    shown = f"{hidden.user_principal_name} {hidden.display_name}".casefold()
    shown = shown.replace("adtoaad", "")
    assert not any(word in shown for word in ("ada", "lovelace", "payroll", "contoso"))


def test_the_same_key_gives_the_same_pseudonym_and_another_key_another() -> None:
    other = Pseudonyms("x" * SHORTEST_KEY)
    assert PSEUDONYMS.object_id(ADA.upper()) == Pseudonyms(KEY).object_id(ADA)
    assert PSEUDONYMS.sign_in_name("Ada@Contoso.com") == PSEUDONYMS.sign_in_name("ada@contoso.com")
    assert PSEUDONYMS.object_id(ADA) != other.object_id(ADA)
    assert PSEUDONYMS.check == Pseudonyms(KEY).check != other.check
    assert KEY not in PSEUDONYMS.check


def test_a_key_that_can_be_guessed_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 32"):
        Pseudonyms("secret")
