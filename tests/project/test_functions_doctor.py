"""azure-functions-doctor looks at the app; whatever it says against it is explained, and nothing else is."""

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
EXPLAINED = tomllib.loads((Path(__file__).parent / "functions_doctor.toml").read_text())
APP = (
    "function_app.py",
    "host.json",
    "functions",
    "shared",
    "infra",
    "requirements.txt",
    "settings.example.json",
)


def looked_at(app: Path) -> list[dict[str, Any]]:
    """What each of its rules says of an app on Flex Consumption whose packages are brought along."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "azure_functions_doctor.cli", "doctor", "--path", str(app)),
            *("--profile", "full", "--format", "json", "--target-python", "3.13"),
            *("--hosting-plan", "flex-consumption", "--deployment-mode", "local-prebuilt"),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)["results"]
    return [one for section in found for one in section.get("items", [section])]


def test_it_finds_no_fault_and_each_of_its_warnings_is_explained(tmp_path: Path) -> None:
    for name in APP:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path / name)
    said = looked_at(tmp_path)
    assert sum(one["status"] == "pass" for one in said) >= 15
    assert [one for one in said if one["status"] == "fail"] == []
    warned = {one["rule_id"] for one in said if one["status"] == "warn"}
    assert warned <= set(EXPLAINED)
    gone = set(EXPLAINED) - warned
    assert all(EXPLAINED[name].get("machine") for name in gone), "no longer said: take its reason out"


def test_each_reason_is_a_sentence() -> None:
    assert all(one["reason"].endswith(".") for one in EXPLAINED.values())
