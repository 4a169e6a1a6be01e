"""docs/privacy.md: its commands run, its times are those of the code, and names lie only where it says."""

import asyncio
import gzip
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.ledger import tombstones
from shared.notify.exceptions import agreed
from shared.report import trend
from shared.settings import load
from shared.storage import Storage
from tests.admin.shell import PEOPLE, Shell, begin
from tests.admin.test_erase_command import gone
from tests.ledger.readings import user_id
from tests.settings.good_settings import GOOD
from tests.watch.conftest import Opener, open_scene
from tests.watch.scene import Scene

__all__ = ["open_scene"]

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "privacy.md").read_text()
LINES = [
    line.removeprefix("python -m admin ")
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
]
EXAMPLE = "00000000-0000-4000-8000-000000000001"


@pytest.mark.real
@pytest.mark.timeout(180)
def test_every_command_of_the_page_does_what_stands_beside_it(storage_account: str) -> None:
    shell = Shell(storage_account)
    shell.with_storage(lambda storage: begin(storage, PEOPLE))
    _, plan, erase = LINES
    shell.with_storage(lambda storage: gone(storage, 1))
    for line in (plan, erase):
        answer = shell.run(*shlex.split(line.replace(EXAMPLE, user_id(1))))
        assert (answer.code, answer.err) == (0, ""), line
        assert "ledger" in answer.out


@pytest.mark.real
@pytest.mark.timeout(120)
async def test_what_is_held_of_somebody_is_shown_as_the_page_says(open_scene: Opener) -> None:
    scene = await open_scene()
    await scene.begin(report=True)
    settings = scene.watch.settings
    shell = Shell(settings.storage.connection_string)
    shell.environ |= {"TENANT_ID": settings.tenant_id, "PASSWORD_WRITEBACK": "on", "SSPR_SCOPE": "all"}
    who = scene.world.user(scene.world.cast["synced_with_ems"])
    line = LINES[0].replace("ada@contoso.example", who.upn)
    answer = await asyncio.to_thread(shell.run, *shlex.split(line))
    assert (answer.code, answer.err) == (0, "")
    assert who.upn in answer.out


def test_the_lengths_of_time_are_those_of_the_code() -> None:
    keeping = load(GOOD).keeping
    said = " ".join(PAGE.split())
    assert f"and {tombstones.KEPT.days} days after" in said
    assert keeping.snapshot_keep.days == keeping.trail_keep.days == 400
    assert said.count("400 days") == 2
    assert (agreed.KEPT_FOR.days, "a year after its end" in said) == (366, True)
    assert (trend.KEPT.days, "three years" in said) == (3 * 365 + 1, True)


def test_how_long_azure_keeps_things_is_as_the_templates_set_it() -> None:
    storage = (ROOT / "infra" / "app" / "storage-watch.bicep").read_text()
    log = (ROOT / "infra" / "app" / "monitoring.bicep").read_text()
    [kept] = re.findall(r"^var keptDays = (\d+)$", storage, re.MULTILINE)
    [version] = re.findall(r"^var versionDays = (\d+)$", storage, re.MULTILINE)
    assert "deleteRetentionPolicy: { enabled: true, days: keptDays }" in storage
    assert "actions: { version: { delete: { daysAfterCreationGreaterThan: versionDays } } }" in storage
    said = " ".join(PAGE.split())
    assert (kept, "for fourteen days, as the templates set it up" in said) == ("14", True)
    # What is written over is a version for a day, is deleted then, and can be had back for so long again;
    # Azure takes a day or two to do it.
    longest = int(version) + int(kept)
    assert (longest, "and is gone two or three days later" in said, "within seventeen days" in said) == (
        15,
        True,
        True,
    )
    assumed = tomllib.loads((ROOT / "tools" / "cost" / "assumptions.toml").read_text())
    assert assumed["kept_days"]["value"] == longest
    assert re.findall(r"retentionInDays: (\d+)", log) == re.findall(r"log and figures, for (\d+) days", PAGE)


async def blobs(storage: Storage) -> dict[str, bytes]:
    """Every blob by container and name, unpacked."""
    found = {}
    for name, container in (
        ("ledger", storage.ledger),
        ("alerts", storage.alerts),
        ("evidence", storage.evidence),
    ):
        async for listed in container.names(""):
            if stored := await container.read(listed.name):
                packed = stored.data[:2] == b"\x1f\x8b"
                found[f"{name}/{listed.name}"] = gzip.decompress(stored.data) if packed else stored.data
    return found


def names_of(scene: Scene) -> Iterator[str]:
    """How the people of the tenant are called."""
    for user in scene.world.users.values():
        yield from (user.display_name, user.upn)


MAY_NAME = (
    re.compile(r"^ledger/[^/]+/[^/]+/users/[0-9a-f]+$"),
    re.compile(r"^evidence/[^/]+/snapshots/.+/[0-9a-f]+\.ndjson\.gz$"),
)
"""Blobs in which the page says that names are, once everybody was read."""


@pytest.mark.real
@pytest.mark.timeout(120)
async def test_names_of_people_are_only_where_the_page_says(open_scene: Opener) -> None:
    scene = await open_scene()
    await scene.begin(report=True)
    found = await blobs(scene.storage)
    names = [name.encode() for name in names_of(scene) if len(name) > 6]
    assert len(names) > 50
    naming = {path for path, data in found.items() if any(name in data for name in names)}
    assert naming
    assert {path for path in naming if not any(form.match(path) for form in MAY_NAME)} == set()
    assert all(any(form.match(path) for path in naming) for form in MAY_NAME)
    # Each container that there is stands in the table.
    for container in {path.partition("/")[0] for path in found}:
        assert f"| `{container}` |" in PAGE
