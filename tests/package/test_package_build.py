"""A whole build of a small project: what is in it, that it repeats, and what stops it."""

import json
import os
import time
import zipfile
from pathlib import Path

import pytest

from tests.package.wheelwright import SDK, wheel
from tools.package import sizes, wheels
from tools.package.build import Places, build, last_built
from tools.package.errors import PackageError
from tools.package.site import SITE_PACKAGES


def silent(_what: str) -> None:
    """Progress is for people."""


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_package_holds_the_app_its_packages_and_nothing_else(small: Places) -> None:
    for extra in (".env", "local.settings.json", "tests/test_it.py", "shared/.hidden.toml"):
        path = small.root / extra
        path.parent.mkdir(exist_ok=True)
        path.write_text("secret")
    build(small, silent)
    found = files(small.app)
    assert {
        name for name in found if not name.startswith(".python_packages/") and "__pycache__" not in name
    } == {
        ".funcignore",
        "function_app.py",
        "functions/work.py",
        "host.json",
        "shared/words.toml",
    }
    site = small.app / SITE_PACKAGES
    assert {name for name in files(site) if name.endswith((".py", ".txt", ".typed"))} == {
        "msgraph/__init__.py",
        "msgraph/client.py",
        "msgraph/py.typed",
        "msgraph/users.py",
        "msgraph/version.py",
        "parcel/__init__.py",
        "parcel/data.txt",
    }
    sources = {name for name in found if name.endswith(".py")}
    assert len([name for name in found if name.endswith(".pyc")]) == len(sources)
    assert b"secret" not in b"".join((small.app / name).read_bytes() for name in found)


def test_the_same_files_give_the_same_zip_and_bill_of_materials(small: Places) -> None:
    first = build(small, silent)
    before = [file.read_bytes() for file in (small.zip, small.sbom)]
    time.sleep(2.1)  # a zip counts time in steps of two seconds
    second = build(small, silent)
    assert [file.read_bytes() for file in (small.zip, small.sbom)] == before
    assert first == second
    with zipfile.ZipFile(small.zip) as archive:
        # azd leaves that file out of the zip that it makes of the folder, and nobody reads it in Azure.
        assert set(archive.namelist()) == files(small.app) - {".funcignore"}


def test_everybody_may_read_what_was_built_under_a_strict_umask(small: Places) -> None:
    """azd zips the folder with its modes."""
    before = os.umask(0o077)
    try:
        build(small, silent)
    finally:
        os.umask(before)
    modes = {(path.is_dir(), path.stat().st_mode & 0o777) for path in (small.app, *small.app.rglob("*"))}
    assert modes == {(True, 0o755), (False, 0o644)}


def test_the_second_build_of_a_lock_asks_nobody(small: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    build(small, silent)
    monkeypatch.setenv("PIP_FIND_LINKS", "/nowhere")
    (small.root / "functions" / "work.py").write_text("")
    build(small, silent)
    assert (small.app / "functions" / "work.py").read_text() == ""


def test_what_was_built_counts_until_the_tree_or_the_package_changes(small: Places) -> None:
    assert last_built(small) is None
    built = build(small, silent)
    assert last_built(small) == built
    ours = small.root / "shared" / "words.toml"
    before = ours.read_text()
    ours.write_text('hello = "dag"\n')
    assert last_built(small) is None
    ours.write_text(before)
    assert last_built(small) == built
    (small.app / "stray.py").write_text("")
    assert last_built(small) is None


def test_a_package_over_its_budget_is_refused_and_the_old_one_stays(small: Places) -> None:
    build(small, silent)
    before = small.zip.read_bytes()
    work = small.root / "functions" / "work.py"
    work.write_text(work.read_text() + "\ndef plan(client):\n    return client.planner\n")
    with pytest.raises(PackageError, match=r"has \d+\.\d% of .*; 25% is the most .*: msgraph \d"):
        build(small, silent)
    assert small.zip.read_bytes() == before


def test_data_of_an_unknown_kind_is_asked_about(small: Places) -> None:
    (small.root / "shared" / "table.csv").write_text("a,b\n")
    with pytest.raises(PackageError, match=r"shared/table\.csv: .* add its kind to tools/package/app\.py"):
        build(small, silent)


def test_a_wheel_that_is_not_the_locked_one_stops_the_build(small: Places, tmp_path: Path) -> None:
    wheel(tmp_path / "wheels", "parcel", {"parcel/__init__.py": "import os  # something else\n"})
    with pytest.raises(PackageError, match=r"not what requirements\.txt names by hash") as raised:
        build(small, silent)
    assert "parcel" in str(raised.value)
    assert not small.app.exists()


def test_a_lock_without_hashes_stops_the_build(small: Places) -> None:
    small.requirements.write_text("parcel==1.0\n")
    with pytest.raises(PackageError, match=r"no hash .* `make lock`"):
        build(small, silent)


def test_a_package_without_a_wheel_for_azure_stops_the_build(small: Places, tmp_path: Path) -> None:
    there = next((tmp_path / "wheels").glob("parcel*"))
    there.rename(there.with_name("parcel-1.0-cp313-cp313-macosx_11_0_arm64.whl"))
    with pytest.raises(PackageError, match=r"no wheel for Linux x86_64 and CPython 3\.13"):
        build(small, silent)


def test_an_index_out_of_reach_is_said_to_be(small: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "0")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    with pytest.raises(PackageError, match="index of packages could not be reached"):
        build(small, silent)


@pytest.mark.parametrize("version", [(3, 12), (3, 14)])
def test_another_python_is_refused(version: tuple[int, int]) -> None:
    wheels.require_python((3, 13))
    with pytest.raises(PackageError, match=rf"is for CPython 3\.13, .* this is cpython 3\.{version[1]}"):
        wheels.require_python(version)


def test_the_bill_of_materials_names_version_digest_licence_and_what_needs_what(small: Places) -> None:
    build(small, silent)
    bill = json.loads(small.sbom.read_text())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    parcel = next(part for part in bill["components"] if part["name"] == "parcel")
    assert parcel["purl"] == "pkg:pypi/parcel@1.0"
    assert parcel["hashes"][0]["content"] in small.requirements.read_text()
    assert parcel["licenses"] == [{"license": {"id": "BSD-3-Clause"}}]
    needs = {each["ref"]: each.get("dependsOn", []) for each in bill["dependencies"]}
    assert needs["sspr-license-watch"] == ["pkg:pypi/msgraph-sdk@1.0"]
    assert needs["pkg:pypi/msgraph-sdk@1.0"] == ["pkg:pypi/parcel@1.0"]


def test_sizes_are_told_by_kind_beside_the_plain_install(small: Places) -> None:
    built = build(small, silent)
    assert built.plain[sizes.KINDS[".py"]].files == len([name for name in SDK if name.endswith(".py")]) + 2
    assert built.package[sizes.KINDS[".py"]].bytes < built.plain[sizes.KINDS[".py"]].bytes / 4
    assert built.plain[sizes.KINDS[".pyc"]].files == built.plain[sizes.KINDS[".py"]].files
    assert sizes.total(built.package).bytes == sum(
        path.stat().st_size for path in small.app.rglob("*") if path.is_file()
    )
