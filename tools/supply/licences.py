"""The licence of every package of the locks, against a list of those that may be used, each with a reason."""

import re
import tomllib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import msgspec

from tools.package.sbom import licences_stated
from tools.supply.locks import SANDBOX, Locked
from tools.supply.reports import Report, report

TABLE = Path(__file__).with_name("licences.toml")


class Licence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A licence that is allowed, for which uses, and why."""

    uses: tuple[str, ...] = msgspec.field(name="for")
    reason: str


class Package(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One package that may be under a licence that is not allowed for its use."""

    name: str
    licence: str
    reason: str


class Allowed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole list. `names`: what packages write for an SPDX expression."""

    allowed: dict[str, Licence]
    package: tuple[Package, ...]
    names: dict[str, str]


def load(file: Path = TABLE) -> Allowed:
    """The list of the project."""
    return msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), Allowed)


def check(packages: Iterable[Locked], allowed: Allowed) -> Report:
    """Each licence is allowed for its package's use; what is unknown is a fault, as a needless exception is.

    Of Python packages the installed ones are asked, which must be those of the lock.
    """
    faults: list[str] = []
    excepted = {one.name: one.licence for one in allowed.package}
    needless = set(excepted)
    count = 0
    for one in packages:
        count += 1
        try:
            licence = spdx(stated(one), allowed)
        except LookupError as problem:
            faults.append(f"{one.name} {one.version}: {problem}")
            continue
        if _may(licence, one.use, allowed):
            continue
        needless.discard(one.name)
        if excepted.get(one.name) != licence:
            faults.append(f"{one.name} {one.version} ({one.use}): {licence or 'no licence'} is not allowed")
    faults += [f"{name}: its exception is needed by no package" for name in sorted(needless)]
    return report("licences", f"{count} packages", faults)


def stated(one: Locked) -> list[str]:
    """What the package says of its licence. Raises `LookupError` if the locked version is not installed."""
    if one.use == SANDBOX:
        return [one.licence] if one.licence else []
    try:
        installed = distribution(one.name)
    except PackageNotFoundError:
        raise LookupError("it is not installed, so its licence is not known: run make setup") from None
    if installed.version != one.version:
        raise LookupError(f"{installed.version} is installed instead: run make setup")
    return licences_stated(installed)


def spdx(names: Iterable[str], allowed: Allowed) -> str:
    """The licence as one SPDX expression; a package of several classifiers is under all of them at once."""
    return " AND ".join(allowed.names.get(name, name) for name in names)


def _may(expression: str, use: str, allowed: Allowed) -> bool:
    """Of each part that must be kept, one of its choices is allowed. Brackets are no part of what is read."""
    return all(
        any(
            choice in allowed.allowed and use in allowed.allowed[choice].uses
            for choice in re.split(r"\s+OR\s+", part.strip())
        )
        for part in re.split(r"\s+AND\s+", expression)
    )
