"""What GitHub and azd are told: files that are there, targets that exist, few rights, fixed versions."""

import json
import os
import re
import subprocess
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infra.hooks.__main__ import HOOKS, READY
from sandbox.cards import browser

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = {
    file.stem: yaml.safe_load(file.read_text()) for file in (ROOT / ".github/workflows").glob("*.yml")
}
AZURE = yaml.safe_load((ROOT / "azure.yaml").read_text())
TARGETS = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def on(workflow: dict[Any, Any]) -> dict[str, Any]:
    """When it runs: YAML 1.1, which this reads, takes `on` for a truth value."""
    found: dict[str, Any] = workflow[True]
    return found


def steps(workflow: dict[Any, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.fixture(params=sorted(WORKFLOWS))
def workflow(request: pytest.FixtureRequest) -> dict[Any, Any]:
    found: dict[Any, Any] = WORKFLOWS[request.param]
    return found


# --- workflows --------------------------------------------------------------------------------------------


def test_there_is_one_that_tests_one_that_audits_one_for_the_templates_and_one_that_deploys() -> None:
    assert set(WORKFLOWS) == {"test", "audit", "infra", "azure-dev"}


def test_each_action_has_a_fixed_version(workflow: dict[Any, Any]) -> None:
    used = [step["uses"] for step in steps(workflow) if "uses" in step]
    assert used
    for one in used:
        assert re.fullmatch(r"(actions|azure|Azure)/[\w-]+@v\d+\.\d+\.\d+", one), one


def test_none_has_more_rights_than_to_read_and_to_sign_in_to_azure(workflow: dict[Any, Any]) -> None:
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        signs_in = any(step.get("uses", "").lower().startswith("azure/login") for step in job["steps"])
        wanted = {"contents": "read", "id-token": "write"} if signs_in else workflow["permissions"]
        assert job.get("permissions", workflow["permissions"]) == wanted, name
        assert job["timeout-minutes"] <= 90


def test_nobody_elses_change_runs_with_rights_of_this_repository() -> None:
    for name, one in WORKFLOWS.items():
        assert "pull_request_target" not in on(one), name
        for step in steps(one):
            if step.get("uses", "").startswith("actions/checkout"):
                assert step["with"]["persist-credentials"] is False, name
    what_if = WORKFLOWS["infra"]["jobs"]["what-if"]["if"]
    assert "head.repo.full_name == github.repository" in what_if


def test_what_somebody_may_choose_never_stands_in_a_script(workflow: dict[Any, Any]) -> None:
    for step in steps(workflow):
        assert "${{" not in step.get("run", ""), step


def test_a_secret_is_given_to_one_step_only(workflow: dict[Any, Any]) -> None:
    text = json.dumps({**workflow, True: None}, default=str, skipkeys=True)
    holders = [step for step in steps(workflow) if "secrets." in json.dumps(step)]
    assert text.count("secrets.") == len(holders)


def test_every_file_and_every_target_that_they_name_is_there(workflow: dict[Any, Any]) -> None:
    scripts = "\n".join(step.get("run", "") for step in steps(workflow))
    for target in re.findall(r"\bmake ([\w-]+)", scripts):
        assert target in TARGETS
    for file in re.findall(r"--file (\S+)", scripts):
        assert (ROOT / file).is_file()
    for path in on(workflow).get("push", {}).get("paths", []):
        assert (ROOT / path.removesuffix("/**")).exists(), path


def test_scripts_are_read_by_bash(workflow: dict[Any, Any]) -> None:
    for step in steps(workflow):
        if "run" in step:
            subprocess.run(["bash", "-n", "-c", step["run"]], check=True)


def test_the_versions_are_those_that_the_project_wants() -> None:
    for one in WORKFLOWS.values():
        for step in steps(one):
            given = step.get("with", {})
            assert given.get("python-version", "3.13") == "3.13"
            assert given.get("node-version", "20") == "20"
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    assert ":3.13" in container["image"]
    assert container["features"]["ghcr.io/devcontainers/features/node:1"]["version"] == "20"
    assert container["postCreateCommand"].removeprefix("make ") in TARGETS
    # CONTRIBUTING.md says that `make test` runs in it, and that draws cards.
    assert container["onCreateCommand"].split()[-1] in browser.NAMES


# --- azure.yaml -------------------------------------------------------------------------------------------

AT_PROJECT = {"preprovision", "postprovision", "predeploy", "postdeploy", "prepackage", "predown", "postdown"}


def hooks() -> list[tuple[str, dict[str, Any]]]:
    service = AZURE["services"]["api"]["hooks"]
    return [*AZURE["hooks"].items(), *service.items()]


def test_the_service_is_the_package_that_is_built_here() -> None:
    service = AZURE["services"]["api"]
    assert (service["host"], service["language"]) == ("function", "python")
    assert (service["project"], service["dist"], service["remoteBuild"]) == (".", "dist/app", False)
    assert service["hooks"]["prepackage"]["posix"]["run"] == "make package"
    assert "package" in TARGETS
    assert (ROOT / "tools/package/__main__.py").is_file()
    assert (ROOT / AZURE["infra"]["path"] / f"{AZURE['infra']['module']}.bicep").is_file()


def test_what_azd_runs_to_build_the_package_needs_no_node() -> None:
    def steps_of(target: str) -> str:
        # As if nothing were set up yet; -n only shows what would be run.
        unset = ["-W", "sandbox/package.json", "-W", "requirements-dev.txt"]
        said = subprocess.run(
            ["make", "-n", *unset, target], cwd=ROOT, capture_output=True, text=True, check=True
        )
        return said.stdout

    assert "npm ci" in steps_of("setup")
    assert "npm" not in steps_of("package")
    assert "pip install" in steps_of("package")


def test_every_hook_of_azd_is_one_of_ours_on_each_system() -> None:
    assert set(AZURE["hooks"]) == {*HOOKS, "prepackage"}
    assert set(AZURE["hooks"]) <= AT_PROJECT
    for name, hook in hooks():
        assert set(hook) == {"posix", "windows"}, name
        posix, windows = hook["posix"], hook["windows"]
        assert (posix["shell"], windows["shell"]) == ("sh", "pwsh")
        assert posix.get("interactive") == windows.get("interactive")
        assert not posix.get("continueOnError")
        if posix["run"] == "make package":
            continue
        script, word = posix["run"].split()
        script_there, word_there = windows["run"].split()
        assert (Path(script).stem, word) == (Path(script_there).stem, word_there)
        assert word in {*HOOKS, READY}
        assert os.access(ROOT / script, os.X_OK)
        assert (ROOT / script_there).is_file()


def test_whoever_deploys_needs_no_node(tmp_path: Path) -> None:
    """On a machine where nothing is set up: what make would run for the package, and for the demo."""
    for name in ("Makefile", "requirements-dev.txt", "tools/find-python", "tools/find-node"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "sandbox").mkdir()
    for name in ("package.json", "package-lock.json"):
        (tmp_path / "sandbox" / name).write_bytes((ROOT / "sandbox" / name).read_bytes())

    def would_run(target: str) -> str:
        made = ["make", "-n", "-C", str(tmp_path), target]
        return subprocess.run(made, capture_output=True, text=True, check=True).stdout

    assert "npm ci" in would_run("demo")
    assert "npm" not in would_run("package")
    assert "tools.package" in would_run("package")
    used = [step.get("uses", "") for step in steps(WORKFLOWS["azure-dev"])]
    assert not any("setup-node" in one for one in used)


def test_a_target_that_is_no_file_is_called_so() -> None:
    text = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY:((?:.*\\\n)*.*)$", text, re.MULTILINE)
    assert phony
    names = phony[1].replace("\\", " ").split()
    assert set(names) == TARGETS
    assert len(names) == len(set(names))


def test_the_launcher_sets_up_python_by_a_target_that_there_is() -> None:
    text = (ROOT / "infra/hooks/hook.sh").read_text()
    [target] = re.findall(r"make -s (\S+)", text)
    assert f"$(VENV)/{Path(target).name}:" in (ROOT / "Makefile").read_text()
    assert "requirements-dev.txt" in (ROOT / "infra/hooks/hook.ps1").read_text()


# --- what galleries ask -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "LICENSE",
        "SECURITY.md",
        "CONTRIBUTING.md",
        "CODE_OF_CONDUCT.md",
        "CHANGELOG.md",
        "azure.yaml",
        "README.md",
    ],
)
def test_what_a_gallery_looks_for_is_there(name: str) -> None:
    assert (ROOT / name).stat().st_size > 500


def test_issue_forms_can_be_read_and_ask_for_what_is_needed() -> None:
    forms = [file for file in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml") if file.stem != "config"]
    assert len(forms) == 3
    for file in forms:
        form = yaml.safe_load(file.read_text())
        assert {"name", "description", "body"} <= set(form)
        asked = [one for one in form["body"] if one["type"] != "markdown"]
        assert len({one["id"] for one in asked}) == len(asked)
        assert any(one.get("validations", {}).get("required") for one in asked)


def test_pages_at_the_top_link_to_what_is_there() -> None:
    for page in ROOT.glob("*.md"):
        for link in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", page.read_text()):
            assert (ROOT / link).exists(), f"{page.name}: {link}"


def test_the_package_is_built_without_node_which_whoever_deploys_may_not_have() -> None:
    [line] = re.findall(r"^package:(.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert line.split() == ["$(VENV)/.installed"]
    source = "".join(file.read_text() for file in (ROOT / "tools/package").glob("*.py"))
    assert not re.search(r"node_modules|\bnpm\b", source)


@pytest.mark.parametrize("system", ["win32", "darwin"])
def test_the_lock_has_what_other_systems_take_besides(system: str) -> None:
    """With hashes pip refuses everything where one package is missing from the file."""
    locked = {
        canonicalize_name(name)
        for name in re.findall(r"^([\w.-]+)==", (ROOT / "requirements-dev.txt").read_text(), re.MULTILINE)
    }
    there = {
        "sys_platform": system,
        "platform_system": {"win32": "Windows", "darwin": "Darwin"}[system],
        "os_name": {"win32": "nt", "darwin": "posix"}[system],
        "extra": "",
    }
    seen = set()
    for name in sorted(locked):
        try:
            wanted = requires(name) or []
        except PackageNotFoundError:
            # Of another system than this one.
            continue
        seen.add(name)
        for one in map(Requirement, wanted):
            if one.marker is None or one.marker.evaluate(there):
                assert canonicalize_name(one.name) in locked, f"{name} wants {one}"
    assert len(seen) > 100
