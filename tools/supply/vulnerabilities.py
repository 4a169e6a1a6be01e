"""Known vulnerabilities of the locked Python packages: pip-audit asks OSV, one package after the other.

Where nobody answers within the time that is given, nothing is known: that is said, and it is no all-clear.
"""

import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import msgspec

from tools.supply.reports import Outcome, Report, report

NAME = "vulnerabilities"
SERVICE = "https://api.osv.dev/v1/query"
PATIENCE = 240.0
"""Seconds for all packages together."""
SILENCE = 10
"""Seconds without a word from the service after which it counts as silent."""

ACCEPTED = Path(__file__).with_name("accepted.toml")


class Accepted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A vulnerability that does not reach the project, or has no remedy yet: why, and until when."""

    reason: str
    until: date


class _Vulnerability(msgspec.Struct):
    id: str
    fix_versions: list[str] = []
    aliases: list[str] = []


class _Package(msgspec.Struct):
    name: str
    version: str = ""
    vulns: list[_Vulnerability] = []
    skip_reason: str = ""


class _Answer(msgspec.Struct):
    dependencies: list[_Package]


def load(file: Path = ACCEPTED) -> dict[str, Accepted]:
    """The vulnerabilities that were looked at, by id."""
    return msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), dict[str, Accepted])


def check(
    lock: Path,
    accepted: Mapping[str, Accepted],
    today: date,
    *,
    service: str = SERVICE,
    patience: float = PATIENCE,
    silence: int = SILENCE,
) -> Report:
    """What is known of the packages of a lock with hashes. Takes `patience` seconds at most."""
    with tempfile.TemporaryDirectory(prefix="audit-") as cache:
        command = [
            *(sys.executable, "-m", "pip_audit", "--requirement", str(lock), "--require-hashes"),
            *("--disable-pip", "--vulnerability-service", "osv", "--osv-url", service, "--format", "json"),
            *("--progress-spinner", "off", "--timeout", str(silence), "--cache-dir", cache),
        ]
        try:
            done = subprocess.run(  # noqa: S603 - this Python, and words of ours
                command, capture_output=True, text=True, check=False, timeout=patience
            )
        except subprocess.TimeoutExpired:
            return _not_checked(f"no answer for all packages within {patience:g} seconds")
    try:
        answer = msgspec.json.decode(done.stdout, type=_Answer)
    except msgspec.DecodeError:
        return _not_checked(f"pip-audit could not ask: {_in_short(done.stderr)}")
    return judged(answer, accepted, today)


def judged(answer: _Answer, accepted: Mapping[str, Accepted], today: date) -> Report:
    """Each vulnerability that is not accepted is a fault, and so is an acceptance that nothing needs. A
    package that was not looked at is not checked."""
    faults: list[str] = []
    needless = set(accepted)
    for one in answer.dependencies:
        for found in one.vulns:
            names = {found.id, *found.aliases}
            needless -= names
            known = [accepted[name] for name in sorted(names) if name in accepted]
            if any(today <= each.until for each in known):
                continue
            fixed = f"mended in {', '.join(found.fix_versions)}" if found.fix_versions else "not mended yet"
            faults.append(f"{one.name} {one.version}: {found.id}, {fixed}")
    skipped = [one.name for one in answer.dependencies if one.skip_reason]
    total = len(answer.dependencies)
    if not skipped:
        faults += [f"{name}: accepted, and known of no package any more" for name in sorted(needless)]
    if faults:
        return report(NAME, f"{total - len(skipped)} of {total} Python packages were asked about", faults)
    if skipped or not total:
        return _not_checked(f"nothing is known of {len(skipped)} of {total} Python packages")
    return report(NAME, f"{total} Python packages, none known", [])


def _in_short(said: str) -> str:
    """The name of what went wrong, from the last line; addresses and stacks help nobody."""
    last = (said.strip().splitlines() or ["it said nothing"])[-1]
    named = re.match(r"(?:\w+\.)*(\w+): ", last)
    return named[1] if named else last[:100]


def _not_checked(why: str) -> Report:
    return Report(NAME, Outcome.NOT_CHECKED, why)
