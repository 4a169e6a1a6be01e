"""The reading itself where Graph is at its worst: forgotten pages, unreadable rows, users shown twice."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sandbox.graph.faults import Fault
from sandbox.graph.server import Running, serve
from sandbox.graph.tenant import generate
from shared.audit import reading
from shared.audit.aside import Aside
from shared.audit.books import records_in
from shared.audit.patience import Unfinished
from shared.audit.reading import RECORDS, SNAPSHOT, Asked, Audited, read
from shared.graph import users as graph_users
from shared.graph.pages import RawRows
from shared.graph.session import GraphSession
from shared.model import EvidenceStatus
from shared.rules.loader import load_rules
from shared.rules.policy import Policy
from shared.snapshot.file import read as lines_of
from tests.audit.people import EVERYTHING, QUICK, Person, session_of

pytestmark = pytest.mark.real

RULES = load_rules()


class Tenant:
    """A simulated tenant of two hundred, read fifty users at a time."""

    def __init__(self, running: Running, folder: Path) -> None:
        self.running, self.folder = running, folder

    async def audit(self, **policy: Any) -> Audited:
        session = session_of(self.running, Person(self.running, EVERYTHING), attempts=2)
        try:
            return await read(session, RULES, Asked(policy=Policy(**policy)), self.folder)
        finally:
            await session.aclose()

    def fail(self, path: str, after: int = 0, **how: Any) -> None:
        """Have the calls of this path fail from the one after so many on."""
        if after:
            self.running.simulator.faults.put(Fault(path=path, kind="delay", seconds=0.0, count=after))
        self.running.simulator.faults.put(Fault(path=path, **how))

    def users(self) -> list[str]:
        return [record.id for record in records_in(self.folder / RECORDS)]


@pytest.fixture
async def tenant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Tenant]:
    monkeypatch.setattr(graph_users, "PAGE", 50)
    async with await serve(generate(200, rates=QUICK)) as running:
        yield Tenant(running, tmp_path)


async def test_a_page_that_graph_forgot_has_everybody_read_from_the_start(tenant: Tenant) -> None:
    tenant.fail("/users", after=2, status=400, code="Directory_ExpiredPageToken")
    assert (await tenant.audit()).users == 200
    assert sorted(tenant.users()) == sorted(tenant.running.world.users)
    with (tenant.folder / SNAPSHOT).open("rb") as file:
        assert len(list(lines_of(file))) == 202


async def test_pages_that_are_forgotten_again_end_it(tenant: Tenant) -> None:
    tenant.fail("/users", after=2, status=400, code="Directory_ExpiredPageToken", count=9)
    with pytest.raises(Unfinished) as found:
        await tenant.audit()
    assert found.value.part == "users"


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("/users", "users"),
        ("/reports/*", "registration"),
        ("/subscribedSkus", "skus"),
        ("/organization", "organization"),
        ("/directory/subscriptions", "subscriptions"),
        ("/policies/*", "admin-policy"),
        ("/groups", "groups"),
        ("/groups/*/transitiveMembers", "scope-groups"),
    ],
)
async def test_a_part_that_fails_after_all_attempts_is_named_and_nothing_is_judged(
    tenant: Tenant, path: str, part: str
) -> None:
    tenant.fail(path, count=99, status=500)
    scope = tenant.running.world.cast["group_sspr"]
    with pytest.raises(Unfinished) as found:
        await tenant.audit(scope="groups", scope_groups=(scope,))
    assert found.value.part == part


def spoilt(change: Callable[[RawRows], RawRows]) -> Callable[..., Any]:
    """The pages of users, each changed on its way."""

    async def pages(session: GraphSession, link: str | None = None) -> RawRows:
        return change(await graph_users.user_pages(session, link))

    return pages


async def test_a_row_that_cannot_be_read_is_asked_for_by_itself(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(page: RawRows) -> RawRows:
        (user_id, _), *others = page.rows
        odd = msgspec.Raw(msgspec.json.encode({"id": user_id, "assignedLicenses": "none"}))
        return msgspec.structs.replace(page, rows=[(user_id, odd), *others])

    monkeypatch.setattr(reading, "user_pages", spoilt(change))
    assert (await tenant.audit()).users == 200
    assert tenant.running.simulator.requests["POST /$batch"] == 4
    assert sorted(tenant.users()) == sorted(tenant.running.world.users)


async def test_a_row_without_an_id_ends_it(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "user_pages", spoilt(lambda page: msgspec.structs.replace(page, unnamed=1)))
    with pytest.raises(Unfinished):
        await tenant.audit()


async def test_whoever_is_on_two_pages_is_judged_once(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, msgspec.Raw]] = []

    def change(page: RawRows) -> RawRows:
        rows = [*seen[:3], *page.rows, page.rows[0]]
        seen.extend(page.rows)
        return msgspec.structs.replace(page, rows=rows)

    monkeypatch.setattr(reading, "user_pages", spoilt(change))
    assert (await tenant.audit()).users == 200
    assert sorted(tenant.users()) == sorted(tenant.running.world.users)


async def test_it_waits_as_long_as_graph_asks_and_no_longer(tenant: Tenant) -> None:
    # The session itself waits for five seconds here; beyond that the audit does, but not for an hour.
    tenant.fail("/users", status=429, code="TooManyRequests", retry_after="5.2")
    assert (await tenant.audit()).users == 200
    tenant.fail("/users", status=429, code="TooManyRequests", retry_after="3600")
    with pytest.raises(Unfinished) as found:
        await tenant.audit()
    assert found.value.problem.status == 429


@pytest.mark.parametrize("path", ["/subscribedSkus", "/groups", "/groups/*/members*"])
async def test_it_waits_for_the_tenant_and_its_groups_as_it_does_for_users(tenant: Tenant, path: str) -> None:
    tenant.fail(path, status=429, code="TooManyRequests", retry_after="5.2")
    assert (await tenant.audit()).users == 200
    assert not tenant.running.simulator.faults.waiting


async def test_a_group_that_hides_its_members_is_no_silent_hole(tenant: Tenant) -> None:
    tenant.fail("/groups/*/members*", count=99, status=403, code="Authorization_RequestDenied")
    facts = (await tenant.audit()).record.facts
    assert facts
    evidence = facts.evidence_of("groups")
    assert (evidence.status, evidence.permission) == (EvidenceStatus.FORBIDDEN, "Group.Read.All")
    assert evidence.read_at is not None


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("/subscribedSkus", "skus"),
        ("/organization", "organization"),
        ("/groups/*/transitiveMembers", "scope-groups"),
    ],
)
async def test_a_role_that_ends_in_the_midst_of_it_ends_the_audit_where_it_was_needed(
    tenant: Tenant, path: str, part: str
) -> None:
    tenant.fail(path, count=99, status=403, code="Authorization_RequestDenied")
    scope = tenant.running.world.cast["group_sspr"]
    with pytest.raises(Unfinished) as found:
        await tenant.audit(scope="groups", scope_groups=(scope,))
    assert found.value.part == part


def fill(file: Path) -> None:
    """Put more aside than the file may hold."""
    with Aside.at(file) as aside:
        aside._held.execute("PRAGMA max_page_count = 10")
        aside.put((str(number), b"x" * 4096) for number in range(100))


def test_a_full_disk_is_an_error_of_the_disk(tmp_path: Path) -> None:
    file = tmp_path / "aside.sqlite"
    with pytest.raises(OSError, match="full") as found:
        fill(file)
    assert found.value.strerror
    assert not file.exists()


async def test_a_tenant_of_nobody_is_no_all_clear(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    def change(page: RawRows) -> RawRows:
        return msgspec.structs.replace(page, rows=[])

    monkeypatch.setattr(reading, "user_pages", spoilt(change))
    with pytest.raises(Unfinished) as found:
        await tenant.audit()
    assert (found.value.part, found.value.problem.code) == ("users", "no-users")


async def test_nothing_but_its_two_files_is_left_in_the_folder(tenant: Tenant) -> None:
    await tenant.audit()
    assert {one.name for one in tenant.folder.iterdir()} == {RECORDS, SNAPSHOT}
