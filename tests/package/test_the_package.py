"""The package of this working tree: small, whole, lasting, and enough for everything that the app does."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from benchmarks.start import SETTINGS
from sandbox.host.errors import HostError
from sandbox.host.process import HostProcess, functions
from tests.graph.test_graph_imports import EVERY_CALL
from tests.package.test_site import recorded
from tools.package.build import Places, last_built
from tools.package.site import SITE_PACKAGES

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

IMPORT_ALL = """
import importlib, json, pathlib, sys
root = sys.argv[1]
compiled = []
sys.addaudithook(lambda event, told: compiled.append(str(told[1])) if event == "compile" else None)
for folder in ("functions", "shared"):
    for file in sorted(pathlib.Path(root, folder).rglob("*.py")):
        name = ".".join(file.relative_to(root).with_suffix("").parts)
        importlib.import_module(name.removesuffix(".__init__"))
import function_app
files = [str(m.__file__) for m in sys.modules.values() if getattr(m, "__file__", None)]
print(json.dumps({"compiled": compiled, "files": files}))
"""


def run_in(app: Path, code: str, *arguments: str, **more: str) -> str:
    """What a Python prints that sees the standard library, an app's folder and its packages."""
    environment = {**SETTINGS, **more, "PYTHONPATH": os.pathsep.join([str(app), str(app / SITE_PACKAGES)])}
    ended = subprocess.run(
        [sys.executable, "-S", "-P", "-W", "ignore", "-c", code, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()[-1]


def listing(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_package_has_at_most_a_quarter_of_the_bytes_of_a_plain_install(package: Places) -> None:
    built = last_built(package)
    assert built is not None
    assert built.ratio <= 0.25
    # The rest of what design §6 needs is there, or this would be no feat.
    assert {name for name, size in built.package.items() if size.files} == set(built.plain)


def test_nothing_is_compiled_or_written_whenever_the_zip_was_extracted(
    package: Places, tmp_path: Path
) -> None:
    with zipfile.ZipFile(package.zip) as archive:
        archive.extractall(tmp_path)
    for path in tmp_path.rglob("*.py"):
        os.utime(path, (1_900_000_000, 1_900_000_000))
    before = listing(tmp_path)
    told = json.loads(run_in(tmp_path, IMPORT_ALL, str(tmp_path)))
    assert [name for name in told["compiled"] if name.startswith(str(tmp_path))] == []
    assert listing(tmp_path) == before
    assert len([name for name in told["files"] if name.startswith(str(tmp_path))]) > 500


def test_a_change_to_a_source_file_would_be_seen_by_that_test(package: Places, tmp_path: Path) -> None:
    """It can fail: without its bytecode a module is compiled."""
    shutil.copytree(package.app, tmp_path / "app")
    shutil.rmtree(tmp_path / "app" / "shared" / "__pycache__")
    told = json.loads(
        run_in(tmp_path / "app", IMPORT_ALL, str(tmp_path / "app"), PYTHONDONTWRITEBYTECODE="1")
    )
    assert str(tmp_path / "app" / "shared" / "judgement.py") in told["compiled"]


def test_all_that_is_compiled_to_machine_code_is_for_linux_on_x86_64(package: Places) -> None:
    found = [path for path in package.app.rglob("*") if re.search(r"\.(so|dylib|dll|pyd)\b", path.name)]
    assert len(found) > 10
    for path in found:
        head = path.read_bytes()[:20]
        # ELF, 64 bits, little-endian, machine 62 (x86-64).
        assert head[:6] == b"\x7fELF\x02\x01", path
        assert int.from_bytes(head[18:20], "little") == 62, path
        assert path.name.endswith((".cpython-313-x86_64-linux-gnu.so", ".abi3.so")), path


def test_nothing_of_sandbox_tests_and_tools_is_in_it(package: Places) -> None:
    assert {path.name for path in package.app.iterdir()} == {
        ".funcignore",
        ".python_packages",
        "__pycache__",
        "function_app.py",
        "functions",
        "host.json",
        "shared",
    }
    installed = {path.name for path in (package.app / SITE_PACKAGES).iterdir()}
    assert not installed & {"pytest", "typer", "rich", "mypy", "hypothesis", "bin", "tests", "cyclonedx"}


def test_azd_would_upload_the_bytecode(package: Places) -> None:
    lines = (package.app / ".funcignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    assert patterns == [".venv/"]
    # Otherwise other roads would install it once more, in Azure.
    assert not (package.app / "requirements.txt").exists()


def test_every_record_names_exactly_what_is_there(package: Places) -> None:
    site = package.app / SITE_PACKAGES
    named: set[str] = set()
    for record in site.glob("*.dist-info/RECORD"):
        named |= recorded(site, record)
    assert named == {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}


def test_the_bill_of_materials_is_valid_and_names_the_whole_lock(package: Places) -> None:
    text = package.sbom.read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    components = json.loads(text)["components"]
    lock = package.requirements.read_text()
    pinned = re.findall(r"^([a-z0-9-]+)==(\S+)", lock, re.M)
    assert {(part["name"], part["version"]) for part in components} == set(pinned)
    for part in components:
        assert f"sha256:{part['hashes'][0]['content']}" in lock, part["name"]
        assert part["licenses"], part["name"]


def test_every_call_to_graph_finds_its_builder_in_the_package(package: Places) -> None:
    """By the SDK of the package, where the tests of the Graph room use what is installed here."""
    site = str(package.app / SITE_PACKAGES)
    code = f"import sys; sys.path.insert(0, {site!r})\n{EVERY_CALL}\n"
    code += f"import msgraph; assert msgraph.__file__.startswith({site!r}), msgraph.__file__\n"
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr


def test_the_telemetry_that_the_runtime_starts_by_a_setting_is_whole(package: Places) -> None:
    """No code of ours imports it, so no story would miss it."""
    code = (
        "from importlib.metadata import entry_points\n"
        "from azure.monitor.opentelemetry import configure_azure_monitor\n"
        "from azure_functions_runtime import handle_event\n"
        "for point in (*entry_points(group='opentelemetry_instrumentor'),"
        " *entry_points(group='opentelemetry_context')):\n"
        "    assert point.dist\n"
        "print('configured')"
    )
    assert run_in(package.app, code) == "configured"


async def test_the_packaged_app_has_the_functions_of_the_tree(package: Places) -> None:
    assert await functions(package.app, SETTINGS) == await functions(ROOT, SETTINGS)


@pytest.mark.parametrize("missing", ["typer", "pytest", "tests", "tools", "admin"])
async def test_a_packaged_app_cannot_import_what_is_only_installed_here(
    package: Places, tmp_path: Path, missing: str
) -> None:
    app = tmp_path / "app"
    app.mkdir()
    (app / "host.json").write_text('{"version": "2.0"}')
    (app / "function_app.py").write_text(f"import {missing}\n")
    (app / SITE_PACKAGES.parts[0]).symlink_to(package.app / SITE_PACKAGES.parts[0])
    with pytest.raises(HostError, match=f"No module named '{missing}'"):
        await functions(app, {})


def test_a_module_from_elsewhere_is_told(package: Places, tmp_path: Path) -> None:
    """The check at the end of a packaged host can fail."""
    (tmp_path / "stray.py").write_text("")
    code = (
        f"import sys; sys.path.append({str(ROOT)!r})\n"
        "from pathlib import Path; from sandbox import packaged\n"
        f"app = Path({str(package.app)!r}); packaged.confine(app, '/nowhere'); import msgspec, json\n"
        f"assert packaged.strangers(app) == [], packaged.strangers(app)\n"
        f"sys.path.append({str(tmp_path)!r}); import stray; print(packaged.strangers(app))"
    )
    assert "stray" in run_in(package.app, code)


async def test_a_packaged_host_runs_and_ends_as_any_other(package: Places) -> None:
    host = HostProcess(package.app, SETTINGS, only={"graph_notifications"})
    async with host:
        assert host.url
        assert await host.stop() == 0, host.log_text()
