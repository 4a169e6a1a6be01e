"""Every module once against the sandbox's tenant, over HTTP, with the real credential and the real SDK."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from sandbox.graph import skus
from sandbox.graph.control import Control
from sandbox.graph.faults import Fault
from sandbox.graph.rates import Rates
from sandbox.graph.server import Running, serve
from sandbox.graph.tenant import generate
from shared.graph.errors import LinkError
from shared.graph.groups import licensing_groups, member_pages, nested_group_ids, read_group
from shared.graph.notifications import Call, handshake, parse_call
from shared.graph.registration import registration_page
from shared.graph.session import GraphSession
from shared.graph.subscription_plan import LIFETIME, Wanted
from shared.graph.subscriptions import list_subscriptions, settle
from shared.graph.tenant import read_tenant
from shared.graph.users import count_users, read_users, user_pages, users_of
from shared.model import EvidenceStatus, User
from shared.settings import GraphSettings

pytestmark = pytest.mark.real

QUICK = Rates(
    notification_latency=(0.0, 0.02),
    licensing_delay=(0.0, 0.02),
    replication_delay=0.0,
    batch_window=0.0,
    retry_base=0.02,
    # Five calls of the report in ten seconds are real time here.
    report_page_size=999,
)
SECRET = "the-secret-of-this-test"


@dataclass
class Tenant:
    """A simulated tenant and our way to it."""

    running: Running
    control: Control
    session: GraphSession


@pytest.fixture
async def tenant(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Tenant]:
    async with await serve(generate(1100, rates=QUICK)) as running, Control(running.url) as control:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        settings = GraphSettings(
            base_url=running.graph_url,
            tenant_id=running.world.organization.id,
            client_id=running.world.app_id,
        )
        session = GraphSession(settings)
        try:
            yield Tenant(running, control, session)
        finally:
            await session.aclose()


@dataclass
class Watch:
    """The notification URL: our own parser behind a small server."""

    tenant_id: str
    url: str = ""
    calls: list[Call] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.Response:
        if "validationToken" in request.query:
            shake = handshake(request.query["validationToken"])
            return web.Response(status=shake.status, body=shake.body.encode(), headers=dict(shake.headers))
        self.calls.append(parse_call(await request.read(), self.tenant_id, (SECRET,)))
        self.arrived.set()
        return web.Response(status=202)


@pytest.fixture
async def watch(tenant: Tenant) -> AsyncIterator[Watch]:
    made = Watch(tenant.session.settings.tenant_id)
    app = web.Application()
    app.router.add_post("/{tail:.*}", made.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/api/graph"
    yield made
    await runner.cleanup()


async def everyone(session: GraphSession) -> dict[str, User]:
    """All users, by following the pages."""
    found: dict[str, User] = {}
    page = await user_pages(session)
    while True:
        users, unreadable = users_of(b"[" + b",".join(row for _, row in page.rows) + b"]")
        assert (unreadable, page.unnamed) == ((), 0)
        found.update((user.id, user) for user in users)
        if page.next_link is None:
            return found
        page = await user_pages(session, page.next_link)


async def test_all_users_come_by_pages_and_the_same_ones_by_batch(tenant: Tenant) -> None:
    await tenant.control.set_rates(empty_page_rate=0.5)
    users = await everyone(tenant.session)
    assert len(users) == 1100 == await count_users(tenant.session)
    readings = await read_users(tenant.session, users)
    assert readings.users == users
    assert any(user.license_assignment_states for user in users.values())


@pytest.mark.parametrize("outer", [200, 424])
async def test_a_batch_tells_each_user_apart(tenant: Tenant, outer: int) -> None:
    await tenant.control.set_rates(batch_throttled_status=outer)
    rows = (await user_pages(tenant.session)).rows
    gone, slow, broken, fine = (user_id for user_id, _ in rows[:4])
    await tenant.control.delete_user(gone)
    await tenant.control.fault(
        Fault(path=f"/users/{slow}", where="item", status=429, code="TooManyRequests", retry_after="2.128")
    )
    await tenant.control.fault(Fault(path=f"/users/{broken}", where="item", status=503))
    readings = await read_users(tenant.session, [gone, slow, broken, fine])
    assert readings.missing == {gone}
    assert readings.throttled == {slow: 2.128}
    assert readings.failed == {broken}
    assert set(readings.users) == {fine}


@pytest.mark.parametrize("kind", ["reset", "truncate", "html"])
async def test_a_broken_page_is_read_again(tenant: Tenant, kind: str) -> None:
    fault = Fault(path="/users", status=502, kind=kind)  # type: ignore[arg-type]  # one of its literals
    await tenant.control.fault(fault)
    assert len((await user_pages(tenant.session)).rows) > 0


async def test_a_link_to_elsewhere_is_not_followed(tenant: Tenant) -> None:
    await tenant.control.fault(Fault(path="/users", kind="foreign-link"))
    page = await user_pages(tenant.session)
    assert page.next_link is not None
    with pytest.raises(LinkError):
        await user_pages(tenant.session, page.next_link)


async def test_the_tenant_is_read_whole(tenant: Tenant) -> None:
    at = datetime.now(UTC)
    facts = await read_tenant(tenant.session, None, at)
    assert {piece.status for piece in facts.evidence.values()} == {EvidenceStatus.OK}
    world = tenant.running.world
    assert set(facts.skus) == set(world.skus)
    for sku_id, sku in facts.skus.items():
        assert (sku.consumed, sku.usable) == (world.consumed(sku_id), world.skus[sku_id].usable)
    assert any(sku.subscriptions for sku in facts.skus.values())
    assert facts.tenant_id == world.organization.id
    assert facts.domains
    assert {group for group, known in world.groups.items() if known.licences} == set(facts.groups)


async def test_without_a_role_one_piece_is_forbidden_and_the_others_are_read(tenant: Tenant) -> None:
    first = await read_tenant(tenant.session, None, datetime.now(UTC))
    tenant.running.world.roles = tenant.running.world.roles - {"Policy.Read.All"}
    fresh = GraphSession(tenant.session.settings)
    try:
        facts = await read_tenant(fresh, first, datetime.now(UTC))
    finally:
        await fresh.aclose()
    policy = facts.evidence["admin-policy"]
    assert (policy.status, policy.permission) == (EvidenceStatus.FORBIDDEN, "Policy.Read.All")
    assert facts.evidence["skus"].status is EvidenceStatus.OK
    assert facts.admin_sspr_allowed == first.admin_sspr_allowed


async def users_in(tenant: Tenant, group_id: str, *, transitive: bool = False) -> set[str]:
    """All users in a group."""
    pages = member_pages(tenant.session, group_id, transitive=transitive)
    return {user async for page in pages for user in page.users}


async def test_a_group_that_runs_out_of_seats_shows_its_errors(tenant: Tenant) -> None:
    before = set(await licensing_groups(tenant.session, datetime.now(UTC)))
    people = [await tenant.control.add_user(f"New {number}") for number in range(3)]
    await tenant.control.set_free_seats(skus.VISIO, 1)
    group_id = await tenant.control.add_licensing_group("Drawing", [skus.VISIO], people)
    assert await tenant.control.settle()
    group = await read_group(tenant.session, group_id, datetime.now(UTC))
    assert group is not None
    assert [(one.sku_id, one.code, one.members) for one in group.errors] == [
        (skus.VISIO, "CountViolation", 2)
    ]
    listed = await licensing_groups(tenant.session, datetime.now(UTC))
    assert set(listed) == before | {group_id}
    assert listed[group_id].errors == group.errors
    assert await users_in(tenant, group_id) == set(people)


async def test_nested_members_are_members_for_the_scope_and_not_for_licences(tenant: Tenant) -> None:
    inner_one, outer_one = [await tenant.control.add_user(name) for name in ("Inner", "Outer")]
    inner = await tenant.control.add_licensing_group("Inner", [], [inner_one])
    outer = await tenant.control.add_licensing_group("Outer", [skus.FABRIC_FREE], [outer_one])
    await tenant.control.add_members(outer, inner)
    assert await tenant.control.settle()
    assert await users_in(tenant, outer) == {outer_one}
    assert await users_in(tenant, outer, transitive=True) == {inner_one, outer_one}
    assert await nested_group_ids(tenant.session, outer) == {inner}


async def test_the_registration_report_covers_enabled_users(tenant: Tenant) -> None:
    page = await registration_page(tenant.session)
    rows = page.rows
    while page.next_link:
        page = await registration_page(tenant.session, page.next_link)
        rows += page.rows
    users = await everyone(tenant.session)
    assert {row.id for row in rows} <= {user.id for user in users.values() if user.account_enabled}
    assert len(rows) > 200
    assert any(row.is_sspr_enabled for row in rows)


async def test_a_change_is_told_to_a_subscription_of_ours(tenant: Tenant, watch: Watch) -> None:
    now = datetime.now(UTC)
    wanted = [
        Wanted(
            resource=resource,
            notification_url=f"{watch.url}/notifications",
            lifecycle_url=f"{watch.url}/lifecycle",
            client_state=SECRET,
        )
        for resource in ("users", "groups")
    ]
    first = await settle(tenant.session, [], wanted, now)
    assert first.done == ["users: created (missing)", "groups: created (missing)"]
    assert {one.client_state for one in await list_subscriptions(tenant.session)} == {None}
    again = await settle(tenant.session, first.records, wanted, now + timedelta(hours=1))
    assert again.done == []
    renewed = await settle(tenant.session, first.records, wanted, now + LIFETIME / 2)
    assert [record.id for record in renewed.records] == [record.id for record in first.records]

    user_id = await tenant.control.add_user("New")
    await asyncio.wait_for(watch.arrived.wait(), 10)
    assert user_id in watch.calls[0].user_ids
    assert watch.calls[0].counts["accepted"] > 0
