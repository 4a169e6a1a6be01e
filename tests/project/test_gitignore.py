"""What commands of the docs leave in a checkout names people, or is a key: git must not offer to take it."""

import re
import subprocess
from pathlib import Path

import pytest

from admin.audit.folder import FILES

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_WRITES = re.compile(r"^python -m admin .*$|^az .*$", re.MULTILINE)
_PLACE = re.compile(r"--(?:out|pseudonymise) (\S+)| > ([\w.-]+)$")


def left_behind() -> set[str]:
    """Every file that the commands shown write, as a path in the checkout."""
    lines = [line for page in PAGES for line in _WRITES.findall(page.read_text())]
    shown = ["".join(found) for line in lines for found in _PLACE.findall(line)]
    plain = {place for place in shown if "." in place}
    folders = {place for place in shown if "." not in place} | {"sspr-audit-contoso.example-2026-11-23"}
    # While an audit is under way, its folder has another name.
    folders.add(".sspr-audit-0123456789ab")
    return (
        plain
        | {f"{folder}/{name}" for folder in folders for name in FILES}
        | {"exceptions.csv", "settings.json"}
    )


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / ".gitignore").write_text((ROOT / ".gitignore").read_text())
    return tmp_path


def offered(clone: Path) -> set[str]:
    return set(
        subprocess.run(
            ["git", "ls-files", "--others", "--exclude-standard"],
            cwd=clone,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.splitlines()
    )


def test_nothing_that_a_shown_command_writes_is_offered_to_git(clone: Path) -> None:
    written = left_behind()
    assert {"by-code/users.csv", "audit.key", "app.json", "snapshot.ndjson.gz"} <= written
    for name in written:
        (clone / name).parent.mkdir(exist_ok=True)
        (clone / name).write_text("ada@contoso.example")
    assert offered(clone) == {".gitignore"}
    (clone / "shared").mkdir()
    (clone / "shared" / "new.py").write_text("")
    assert offered(clone) == {".gitignore", "shared/new.py"}
