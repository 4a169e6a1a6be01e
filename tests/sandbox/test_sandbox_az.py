"""The sandbox's `az`: who asks it for a token is somebody in the simulated tenant; nothing else works."""

import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sandbox import az
from sandbox.graph.identity import caller
from sandbox.graph.tenant import generate

ROOT = Path(__file__).resolve().parents[2]
ASKED = ("account", "get-access-token", "--output", "json", "--scope", "https://graph.microsoft.com/.default")
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


def test_its_token_is_a_persons_in_that_tenant() -> None:
    world = generate(40, 1)
    given = az.answer(ASKED, {"TENANT_ID": world.organization.id}, NOW)
    holder = caller(world, f"Bearer {given['accessToken']}", NOW)
    assert "AuditLog.Read.All" in holder.roles
    assert "Policy.Read.All" not in holder.roles
    assert given["expires_on"] == int(NOW.timestamp()) + az.LIFETIME


def test_another_tenant_is_refused_as_the_azure_cli_refuses_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        az.answer((*ASKED, "--tenant", "other"), {"TENANT_ID": "mine"}, NOW)
    assert ended.value.code == 1
    assert "AADSTS90002" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["login"], ["account", "show"], ["--version"]], ids=" ".join)
def test_whatever_else_is_asked_it_says_what_it_is(tmp_path: Path, words: list[str]) -> None:
    az.install(tmp_path / "bin", ROOT)
    ended = subprocess.run(
        [tmp_path / "bin" / "az", *words], capture_output=True, text=True, check=False, env={**os.environ}
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("ERROR: This is the sandbox's az.")


def test_it_runs_from_any_folder(tmp_path: Path) -> None:
    az.install(tmp_path / "bin", ROOT)
    environ = {**os.environ, "TENANT_ID": "11111111-2222-4333-8444-555555555555"}
    ended = subprocess.run(
        [tmp_path / "bin" / "az", *ASKED],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env=environ,
    )
    assert json.loads(ended.stdout)["tenant"] == environ["TENANT_ID"]
