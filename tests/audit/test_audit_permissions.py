"""Each permission withheld in turn: what is required is named, and of what is not it is told what is lost."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.graph.faults import Fault
from sandbox.graph.server import Running, serve
from sandbox.graph.tenant import generate
from shared.audit.permissions import NEEDS, Granted, granted, needs_of
from shared.audit.reading import Asked, read
from shared.model import EvidenceStatus
from shared.rules.loader import load_rules
from shared.rules.policy import Policy
from shared.texts.catalogue import Catalogue
from tests.audit.people import EVERYTHING, QUICK, Person, session_of


@pytest.fixture
async def tenant() -> AsyncIterator[Running]:
    async with await serve(generate(60, rates=QUICK)) as running:
        yield running


async def asked(running: Running, *scopes: str, policy: Policy | None = None) -> Granted:
    session = session_of(running, Person(running, scopes))
    try:
        return await granted(session, policy or Policy())
    finally:
        await session.aclose()


@pytest.mark.real
async def test_with_all_of_them_nothing_is_missing(tenant: Running) -> None:
    found = await asked(tenant, *EVERYTHING)
    assert (found.missing, found.lost, found.unknown) == ((), (), ())
    assert found.whose
    assert found.whose.tenant_id == tenant.world.organization.id


@pytest.mark.real
@pytest.mark.parametrize("permission", EVERYTHING)
async def test_one_that_is_withheld_is_named_with_all_that_rests_on_it(
    tenant: Running, permission: str
) -> None:
    found = await asked(tenant, *(one for one in EVERYTHING if one != permission))
    expected = {need.piece for need in NEEDS if need.permission == permission}
    assert {need.piece for need in (*found.missing, *found.lost)} == expected
    assert {need.permission for need in (*found.missing, *found.lost)} == {permission}
    assert all(need.required for need in found.missing)
    assert not any(need.required for need in found.lost)


@pytest.mark.real
@pytest.mark.parametrize("permission", ["AuditLog.Read.All", "Group.Read.All", "Policy.Read.All"])
async def test_a_reading_goes_on_without_what_is_not_required(
    tenant: Running, tmp_path: Path, permission: str
) -> None:
    session = session_of(tenant, Person(tenant, (one for one in EVERYTHING if one != permission)))
    try:
        found = await read(session, load_rules(), Asked(policy=Policy(writeback="on")), tmp_path)
    finally:
        await session.aclose()
    facts = found.record.facts
    assert facts
    lacking = {name for name, one in facts.evidence.items() if one.status is EvidenceStatus.FORBIDDEN}
    assert lacking == {need.piece for need in NEEDS if need.permission == permission}
    assert found.users == len(tenant.world.users)


@pytest.mark.real
async def test_groups_and_the_log_are_required_where_the_policy_rests_on_them(tenant: Running) -> None:
    cast = tenant.world.cast
    policy = Policy(
        scope="groups",
        scope_groups=(cast["group_sspr"], "11111111-2222-4333-8444-555555555555"),
        emergency_group=cast["group_emergency"],
        population="used",
    )
    found = await asked(tenant, "User.Read.All", "Organization.Read.All", policy=policy)
    assert [need.piece for need in found.missing] == [
        "audit",
        "scope-groups",
        "scope-groups",
        "emergency-group",
    ]
    found = await asked(tenant, *EVERYTHING, "Directory.Read.All", policy=policy)
    assert found.unknown == ("11111111-2222-4333-8444-555555555555",)


@pytest.mark.real
async def test_the_log_names_both_permissions_that_it_takes(tenant: Running) -> None:
    found = await asked(tenant, *EVERYTHING, policy=Policy(population="used"))
    assert [need.permission for need in found.missing] == ["AuditLog.Read.All, Directory.Read.All"]
    found = await asked(tenant, *EVERYTHING, "Directory.Read.All", policy=Policy(population="used"))
    assert found.missing == ()


@pytest.mark.real
async def test_where_graph_asks_to_wait_the_trial_waits_too(tenant: Running) -> None:
    # Longer than the session itself would wait here.
    for path in ("/users", "/organization"):
        tenant.simulator.faults.put(Fault(path=path, status=429, code="TooManyRequests", retry_after="5.1"))
    found = await asked(tenant, *EVERYTHING)
    assert (found.missing, found.lost) == ((), ())


@pytest.mark.real
async def test_a_tenant_without_p1_lacks_no_permission(
    tenant: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenant.world, "premium", lambda: False)
    found = await asked(tenant, *EVERYTHING)
    assert (found.missing, found.lost) == ((), ())


def test_everything_that_can_lack_has_words(texts: Catalogue) -> None:
    policy = Policy(scope="groups", scope_groups=("g",), emergency_group="e", population="used")
    needs = list(needs_of(policy, ["n"]))
    required = {need.piece for need in needs if need.required}
    assert texts.codes("audit", "pieces") == required
    assert texts.codes("audit", "lost") == {need.piece for need in needs} - required
