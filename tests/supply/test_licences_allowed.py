"""Every package of the locks is under a licence that may be used, and what may not is a fault."""

from pathlib import Path

import pytest

from tools.supply import licences
from tools.supply.licences import Allowed, Licence, Package, check
from tools.supply.locks import DEPLOYED, SANDBOX, TESTS, Locked, node_packages, python_packages
from tools.supply.reports import Outcome

ROOT = Path(__file__).resolve().parents[2]

ALLOWED = Allowed(
    allowed={
        "MIT": Licence(uses=(DEPLOYED, SANDBOX), reason="."),
        "GPL-3.0": Licence(uses=(SANDBOX,), reason="."),
    },
    package=(),
    names={"MIT License": "MIT"},
)


def of(licence: str, use: str = SANDBOX) -> Locked:
    return Locked("left-pad", "1.0", use, licence)


def faults(*packages: Locked, allowed: Allowed = ALLOWED) -> tuple[str, ...]:
    return check(packages, allowed).lines


def test_every_locked_package_is_under_a_licence_that_is_allowed_for_its_use() -> None:
    packages = [*python_packages(ROOT), *node_packages(ROOT)]
    uses = [one.use for one in packages]
    assert min(uses.count(DEPLOYED), uses.count(TESTS)) > 50
    assert uses.count(SANDBOX) > 300
    said = check(packages, licences.load())
    assert said.lines == ()
    assert said.outcome is Outcome.GOOD


def test_each_licence_and_each_exception_has_a_reason() -> None:
    listed = licences.load()
    assert all(one.reason for one in listed.allowed.values())
    assert all(one.reason.endswith(".") for one in listed.package)


def test_what_is_installed_is_what_is_locked() -> None:
    deployed = {one.name for one in python_packages(ROOT) if one.use == DEPLOYED}
    assert "msgspec" in deployed
    assert "pytest" not in deployed
    other = Locked("msgspec", "0.0.1", DEPLOYED)
    nowhere = Locked("no-such-package-at-all", "1", DEPLOYED)
    first, second = faults(other, nowhere)
    assert "is installed instead" in first
    assert "is not installed" in second


@pytest.mark.parametrize("licence", ["", "WTFPL", "GPL-3.0 AND WTFPL", "MIT AND", "mit", "(MIT OR WTFPL)"])
def test_a_licence_that_nobody_listed_is_a_fault(licence: str) -> None:
    assert len(faults(of(licence))) == 1


@pytest.mark.parametrize("licence", ["MIT", "MIT License", "WTFPL OR MIT", "MIT AND GPL-3.0"])
def test_of_a_choice_one_must_be_allowed_and_of_several_at_once_all(licence: str) -> None:
    assert faults(of(licence)) == ()


def test_a_licence_that_is_allowed_for_another_use_is_a_fault_but_for_a_named_package() -> None:
    allowed = Allowed(
        allowed={"BSD-3-Clause": Licence(uses=(TESTS,), reason=".")},
        package=(Package("msgspec", "BSD-3-Clause", "."),),
        names={},
    )
    (msgspec,) = (one for one in python_packages(ROOT) if one.name == "msgspec")
    (idna,) = (one for one in python_packages(ROOT) if one.name == "idna")
    assert faults(msgspec, allowed=allowed) == ()
    assert faults(msgspec, idna, allowed=allowed) == (
        f"idna {idna.version} (deployed): BSD-3-Clause is not allowed",
    )


def test_an_exception_that_no_package_needs_is_a_fault() -> None:
    allowed = Allowed(allowed=ALLOWED.allowed, package=(Package("left-pad", "MIT", "."),), names={})
    assert faults(of("MIT"), allowed=allowed) == ("left-pad: its exception is needed by no package",)
