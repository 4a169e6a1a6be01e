"""`admin audit` from the shell to the files, over HTTP, with azure-identity's own credential."""

import csv
import gzip
import json
import os
import re
import stat
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import msgspec
import pytest

from admin.audit.folder import FILES
from sandbox.graph.faults import Fault
from sandbox.graph.identity import AZURE_CLI_SCOPES
from sandbox.graph.server import Running, serve
from sandbox.graph.tenant import INITIAL_DOMAIN, generate
from shared.report.json_form import Document
from shared.rules.loader import load_rules
from shared.snapshot.file import read
from shared.snapshot.judging import Comparison, rejudged
from shared.snapshot.lines import Reading
from shared.texts.catalogue import catalogue
from tests.admin.shell import ROOT
from tests.audit.commands import Auditor
from tests.audit.people import EVERYTHING, QUICK

SCHEMA = ROOT / "docs/report.schema.json"

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


@pytest.fixture
async def tenant() -> AsyncIterator[Running]:
    async with await serve(generate(120, rates=QUICK)) as running:
        yield running


@pytest.fixture
def auditor(tenant: Running, tmp_path: Path) -> Auditor:
    return Auditor(tmp_path, tenant)


class Tags(HTMLParser):
    """What is opened and never closed, and what is closed without having been opened."""

    _VOID = frozenset({"meta", "link", "br", "hr", "img", "input", "col", "source", "wbr"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        if tag not in self._VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def rows_of(folder: Path) -> list[dict[str, str]]:
    text = (folder / "users.csv").read_bytes().decode("utf-8-sig")
    return list(csv.DictReader(text.splitlines()))


def bare(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """The rows without when they were found."""
    return [{name: value for name, value in row.items() if name != "Since"} for row in rows]


def who(row: dict[str, str]) -> str:
    """The sign-in name of a row, in whatever language its head is."""
    return next(value for value in row.values() if "@" in value)


def users_of(folder: Path) -> list[Reading]:
    with (folder / "snapshot.ndjson.gz").open("rb") as file:
        return [line for line in read(file) if isinstance(line, Reading)]


async def test_ten_thousand_users_become_four_whole_files(tmp_path: Path) -> None:
    async with await serve(generate(10_000, rates=QUICK)) as running:
        auditor = Auditor(tmp_path, running)
        answer = await auditor.run("--writeback", "on")
        assert answer.code == 0, answer.err
        calls = running.simulator.requests
    [name] = {one for one in auditor.left if "/" not in one}
    assert re.fullmatch(rf"sspr-audit-{re.escape(INITIAL_DOMAIN)}-\d{{4}}-\d\d-\d\d", name)
    folder = auditor.place / name
    assert {one.name for one in folder.iterdir()} == set(FILES)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    page = Tags()
    page.feed((folder / "report.html").read_text(encoding="utf-8"))
    assert (page.wrong, page.open) == ([], [])
    assert {"html", "table", "script"} <= page.seen
    data = (folder / "report.json").read_bytes()
    jsonschema.validate(json.loads(data), json.loads(SCHEMA.read_text()))
    document = msgspec.json.decode(data, type=Document)
    rows = rows_of(folder)
    assert len(rows) == len(document.users) > 50
    assert (document.report.source, document.report.users) == ("audit", 10_000)
    found = [one for one in document.users if one.kinds]
    assert len(rows) > len(found) > 50
    assert f"of {len(found):,}" in answer.out
    assert "Users: 10,000" in answer.out
    assert len(users_of(folder)) == 10_000
    with (folder / "snapshot.ndjson.gz").open("rb") as file:
        assert all(one.same for one in rejudged(read(file), load_rules()) if isinstance(one, Comparison))
    assert answer.err.splitlines() == [
        "Permissions",
        "Tenant, SKUs, groups",
        "Registration report",
        "Members of groups",
        "Users",
    ]
    assert "\x1b" not in answer.out + answer.err
    # A page of users each, and one more that asked whether they may be read.
    assert calls["GET /users"] == 12
    assert calls["POST /$batch"] == 0


async def test_it_only_reads(tenant: Running, auditor: Auditor) -> None:
    assert (await auditor.run("--out", "a")).code == 0
    assert {name.split(" ")[0] for name in tenant.simulator.requests} == {"GET"}


async def test_the_azure_cli_is_asked_for_a_token_once(tenant: Running, auditor: Auditor) -> None:
    az = auditor.bin / "az"
    first, rest = az.read_text().split("\n", 1)
    az.write_text(f"{first}\nopen({str(auditor.bin / 'calls')!r}, 'a').write('x')\n{rest}")
    assert (await auditor.run("--out", "a")).code == 0
    assert (auditor.bin / "calls").read_text() == "x"


async def test_what_az_login_may_not_read_is_named_and_all_else_is_there(auditor: Auditor) -> None:
    answer = await auditor.run("--out", "a")
    assert answer.code == 0
    unread = answer.out.partition("Not read:\n")[2].partition("\n\n")[0]
    assert unread.count("\n") == 0
    assert "(Policy.Read.All)" in unread
    policy = [one for one in users_of(auditor.place / "a") if one.standing.registration]
    assert policy


async def test_each_missing_permission_is_named_at_once_and_nothing_is_left(
    tenant: Running, tmp_path: Path
) -> None:
    auditor = Auditor(tmp_path, tenant, ("AuditLog.Read.All", "openid"))
    answer = await auditor.run()
    assert (answer.code, answer.out, auditor.left) == (2, "", set())
    lines = answer.err.splitlines()
    assert lines[0] == "Permissions"
    assert lines[1] == "Permissions that are missing: 3. Nothing was read."
    assert [one.split(":")[0].strip() for one in lines[2:5]] == [
        "User.Read.All",
        "Organization.Read.All",
        "Organization.Read.All",
    ]
    assert "Global Reader" in lines[5]
    assert len(lines) == 6


async def test_a_tenant_without_p1_is_judged_and_told_that_it_has_no_report(
    tenant: Running, auditor: Auditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenant.world, "premium", lambda: False)
    answer = await auditor.run("--out", "a")
    assert answer.code == 0, answer.err
    assert "only tenants with Entra ID P1 or P2 have it" in answer.out
    assert not any(one.standing.registration for one in users_of(auditor.place / "a"))


async def test_guests_reset_at_home_and_are_told_apart(tenant: Running, auditor: Auditor) -> None:
    assert (await auditor.run("--out", "a")).code == 0
    document = msgspec.json.decode((auditor.place / "a/report.json").read_bytes(), type=Document)
    guests = [user for user in tenant.world.users.values() if user.creation_type == "Invitation"]
    assert guests
    known = {one.id for one in document.users}
    assert not known & {user.id for user in guests}


async def test_throttling_and_broken_answers_cost_time_and_nothing_else(
    tenant: Running, auditor: Auditor
) -> None:
    assert (await auditor.run("--out", "calm")).code == 0
    faults = tenant.simulator.faults
    faults.put(Fault(path="/users", status=429, code="TooManyRequests", retry_after="0.3", count=2))
    faults.put(Fault(path="/subscribedSkus", kind="reset"))
    faults.put(Fault(path="/reports/*", status=503))
    faults.put(Fault(path="/groups*", kind="truncate"))
    answer = await auditor.run("--out", "stormy")
    assert answer.code == 0, answer.err
    assert faults.waiting == 0
    assert bare(rows_of(auditor.place / "calm")) == bare(rows_of(auditor.place / "stormy"))
    calm, stormy = ({one.user.id for one in users_of(auditor.place / one)} for one in ("calm", "stormy"))
    assert calm == stormy


async def test_a_page_that_never_comes_ends_in_a_sentence_and_no_report(
    tenant: Running, auditor: Auditor
) -> None:
    # The first is the look whether users may be read at all.
    tenant.simulator.faults.put(Fault(path="/users", kind="delay", seconds=0.0))
    tenant.simulator.faults.put(Fault(path="/users", status=500, count=50))
    answer = await auditor.run()
    assert (answer.code, answer.out, auditor.left) == (1, "", set())
    assert answer.err.splitlines()[-1] == (
        "The reading could not be finished: the users can't be read to the last "
        "(Unavailable 500 UnknownError). Nothing was written. Try again; if it stays so, see docs/audit.md."
    )
    assert "Traceback" not in answer.err


async def test_a_folder_is_only_replaced_when_asked_for_and_only_if_it_is_an_audit(
    auditor: Auditor,
) -> None:
    assert (await auditor.run("--out", "a")).code == 0
    before = (auditor.place / "a/report.json").read_bytes()
    answer = await auditor.run("--out", "a")
    assert (answer.code, answer.out) == (2, "")
    assert "--force" in answer.err
    assert (auditor.place / "a/report.json").read_bytes() == before
    assert (await auditor.run("--out", "a", "--force")).code == 0
    assert (auditor.place / "a/report.json").read_bytes() != before
    mine = auditor.place / "a/thesis.txt"
    mine.write_text("three years of work")
    answer = await auditor.run("--out", "a", "--force")
    assert answer.code == 2
    assert "something else" in answer.err
    assert mine.read_text() == "three years of work"
    assert {one for one in auditor.left if "/" not in one} == {"a"}


async def test_the_second_audit_of_a_day_is_refused_before_anybody_is_read(
    tenant: Running, auditor: Auditor
) -> None:
    assert (await auditor.run()).code == 0
    [name] = {one for one in auditor.left if "/" not in one}
    tenant.simulator.requests.clear()
    answer = await auditor.run()
    assert (answer.code, answer.out) == (2, "")
    assert name in answer.err
    assert "--force" in answer.err
    # Only whether they may be read was asked.
    assert sum(count for call, count in tenant.simulator.requests.items() if "/users" in str(call)) == 1
    assert (await auditor.run("--force")).code == 0
    assert {one for one in auditor.left if "/" not in one} == {name}


async def test_a_link_to_an_audit_is_not_replaced(auditor: Auditor) -> None:
    assert (await auditor.run("--out", "a")).code == 0
    (auditor.place / "link").symlink_to("a")
    (auditor.place / "nowhere").symlink_to("gone")
    before = auditor.left
    for name in ("link", "nowhere"):
        answer = await auditor.run("--out", name, "--force")
        assert (answer.code, answer.out) == (2, "")
        assert "something else than an audit" in answer.err
    assert auditor.left == before


async def test_what_is_refused_only_later_is_told_as_not_read(tenant: Running, auditor: Auditor) -> None:
    # The first is the look whether the report may be read at all.
    tenant.simulator.faults.put(Fault(path="/reports/*", kind="delay", seconds=0.0))
    tenant.simulator.faults.put(Fault(path="/reports/*", status=403, code="Authorization_RequestDenied"))
    answer = await auditor.run("--out", "a")
    assert answer.code == 0, answer.err
    unread = answer.out.partition("Not read:\n")[2].partition("\n\n")[0]
    assert "The registration report: who is in reach is assumed" in unread
    assert "(AuditLog.Read.All)" in unread


async def test_a_place_that_cannot_be_written_is_told_before_anything_is_read(
    tenant: Running, auditor: Auditor
) -> None:
    answer = await auditor.run("--out", "nowhere/a")
    assert answer.code == 2
    assert "No such file or directory" in answer.err
    assert not tenant.simulator.requests


async def test_only_who_has_a_finding_is_named_and_never_for_being_covered(auditor: Auditor) -> None:
    answer = await auditor.run("--out", "a")
    document = msgspec.json.decode((auditor.place / "a/report.json").read_bytes(), type=Document)
    differing = [one for one in document.users if not one.kinds]
    assert differing
    named = answer.out.partition("Users to act on")[2].partition("\n\n")[0].splitlines()[1:]
    assert named
    assert not {one.upn for one in differing} & {line.split()[0] for line in named}


async def test_the_summary_counts_in_the_words_of_the_page_and_says_why_two_counts_differ(
    tenant: Running, auditor: Auditor
) -> None:
    answer = await auditor.run("--out", "a", PASSWORD_WRITEBACK="on")
    assert answer.code == 0, answer.err
    document = msgspec.json.decode((auditor.place / "a/report.json").read_bytes(), type=Document)
    states = {state: n for state, n in document.report.states.items() if n}
    assert states["writeback-uncovered"]
    told = answer.out.splitlines()
    for state, n in states.items():
        assert f"  {catalogue('en').text('states', state)}: {n}" in told
    (explained,) = [line for line in told if line.startswith("Here each user stands once")]
    assert told.index(explained) > told.index(f"  not covered for writeback: {states['writeback-uncovered']}")


async def test_with_a_key_no_file_has_a_name_or_an_id_of_anybody(tenant: Running, auditor: Auditor) -> None:
    answer = await auditor.run(
        "--out", "a", "--pseudonymise", "key", "--group", tenant.world.cast["group_sspr"]
    )
    assert answer.code == 0, answer.err
    key = auditor.place / "key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert "A new key was written to key." in answer.out
    with (auditor.place / "a/snapshot.ndjson.gz").open("rb") as file:
        snapshot = gzip.decompress(file.read()).decode()
    told = answer.out + snapshot + "".join((auditor.place / "a" / one).read_text() for one in FILES[:3])
    for user in tenant.world.users.values():
        assert user.id not in told
        assert user.upn.casefold() not in told.casefold()
        if not user.upn.startswith("Sync_"):
            assert user.display_name not in told
    for group_id in tenant.world.groups:
        assert group_id not in told
    before = bare(rows_of(auditor.place / "a"))
    assert (await auditor.run("--out", "b", "--pseudonymise", "key")).code == 0
    assert bare(rows_of(auditor.place / "b")) == before
    key.write_text("short")
    answer = await auditor.run("--out", "c", "--pseudonymise", "key")
    assert (answer.code, answer.err.count("\n")) == (2, 1)


async def test_the_options_choose_as_the_settings_do(tenant: Running, auditor: Auditor) -> None:
    scope = tenant.world.cast["group_sspr"]
    given = ("--edition", "2025-03-04", "--writeback", "off", "--scope", f"groups:{scope}")
    assert (await auditor.run("--out", "options", *given)).code == 0
    answer = await auditor.run(
        *("--out", "settings"),
        POLICY_EDITION="2025-03-04",
        PASSWORD_WRITEBACK="off",
        SSPR_SCOPE=f"groups:{scope}",
        WATCH_LANGUAGE="nl",
    )
    assert answer.code == 0
    assert "volgens Microsofts pagina van 4 maart 2025" in answer.out
    options, settings = (set(map(who, rows_of(auditor.place / one))) for one in ("options", "settings"))
    assert options == settings
    assert options
    wrong = await auditor.run("--out", "x", "--scope", "groups:everyone", "--edition", "1999-01-01")
    assert wrong.code == 2
    assert wrong.err.splitlines()[0] == "Settings to correct: 2."


@pytest.mark.parametrize("option", ["--group", "--scope"])
async def test_a_group_that_is_not_there_is_named(auditor: Auditor, option: str) -> None:
    nobody = "11111111-2222-4333-8444-555555555555"
    answer = await auditor.run(option, nobody if option == "--group" else f"groups:{nobody}")
    assert answer.code == 2
    assert f"There is no group {nobody} in this tenant." in answer.err
    answer = await auditor.run("--group", "Finance")
    assert (answer.code, answer.err.count("\n")) == (2, 1)


async def test_another_tenant_than_the_one_that_was_named_is_not_read(
    tenant: Running, auditor: Auditor
) -> None:
    answer = await auditor.run("--tenant", "fabrikam.example")
    assert (answer.code, auditor.left) == (2, set())
    assert (
        f"You are signed in to the tenant {tenant.world.organization.id}, not to fabrikam.example."
        in answer.err
    )
    assert (await auditor.run("--tenant", INITIAL_DOMAIN, "--out", "a")).code == 0


async def test_the_environment_needs_no_storage_and_no_secret_and_a_file_can_take_its_place(
    tenant: Running, auditor: Auditor
) -> None:
    values = {"TENANT_ID": tenant.world.organization.id, "GRAPH_BASE_URL": tenant.graph_url}
    (auditor.place / "s.json").write_text(json.dumps({"Values": values}))
    answer = await auditor.run("--out", "a", "--settings", "s.json", GRAPH_BASE_URL="http://127.0.0.1:1/v1.0")
    assert answer.code == 0, answer.err
    assert not {"WATCH_STORAGE", "CLIENT_STATE"} & set(os.environ)


def test_the_permissions_of_a_code_are_enough_for_everything() -> None:
    assert not any("Write" in one for one in EVERYTHING)
    assert "Policy.Read.All" not in AZURE_CLI_SCOPES
