"""What the lock files name, and for what: to run the app, or only to test it."""

import json
import re
from pathlib import Path

import msgspec
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

DEPLOYED, TESTS, SANDBOX = "deployed", "tests", "sandbox"
"""What a package is for. Packages of the sandbox and of the tests never leave a developer's machine."""

_ROW = re.compile(r"^[A-Za-z0-9][^#\n]*?(?=\s*(?:\\?$|--hash))", re.MULTILINE)


class Locked(msgspec.Struct, frozen=True):
    """One package of a lock. `licence` as the lock itself says it; only npm's does."""

    name: str
    version: str
    use: str
    licence: str = ""


def python_packages(root: Path) -> list[Locked]:
    """The packages of both Python locks that are installed on this machine's platform, by name."""
    deployed, everything = _lock(root / "requirements.txt"), _lock(root / "requirements-dev.txt")
    if not deployed.items() <= everything.items():
        raise ValueError("requirements-dev.txt does not hold all of requirements.txt: run make lock")
    return [
        Locked(name, version, DEPLOYED if name in deployed else TESTS)
        for name, version in sorted(everything.items())
    ]


def _lock(file: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for row in _ROW.findall(file.read_text(encoding="utf-8")):
        requirement = Requirement(row)
        if requirement.marker is None or requirement.marker.evaluate():
            (pin,) = requirement.specifier
            found[canonicalize_name(requirement.name)] = pin.version
    return found


def node_packages(root: Path) -> list[Locked]:
    """The packages of the sandbox's npm lock, by name and version; of one that is there twice, one."""
    lock = json.loads((root / "sandbox" / "package-lock.json").read_text(encoding="utf-8"))
    found = {
        Locked(
            place.rpartition("node_modules/")[2], one.get("version", ""), SANDBOX, str(one.get("license", ""))
        )
        for place, one in lock["packages"].items()
        if place
    }
    return sorted(found, key=lambda one: (one.name, one.version))
