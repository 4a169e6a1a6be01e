"""A machine with the stand-in az and azd, on which azd's hooks are started as azd starts them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.admin.shell import Answer
from tests.hooks.stand_in import ROOT, fresh, install
from tests.ledger.readings import TENANT_ID

AZURE_YAML = yaml.safe_load((ROOT / "azure.yaml").read_text())
BASE_URL = "https://func-sspr-watch-abc.azurewebsites.net"
IDENTITY, READER = "1d000000-0000-4000-8000-000000000001", "4ead0000-0000-4000-8000-000000000001"
OUTPUTS = {
    "AZURE_SUBSCRIPTION_ID": "5ub",
    "AZURE_TENANT_ID": TENANT_ID,
    "AZURE_RESOURCE_GROUP": "rg-watch",
    "AZURE_FUNCTION_NAME": "func-sspr-watch-abc",
    "NOTIFICATION_BASE_URL": BASE_URL,
    "WATCH_IDENTITY_PRINCIPAL_ID": IDENTITY,
    "KEY_VAULT_NAME": "kv-sspr-abc",
    "WATCH_BLOB_URI": "https://stssprwatch.blob.core.windows.net/",
    "WATCH_QUEUE_URI": "https://stssprwatch.queue.core.windows.net/",
}
"""What infra/main.bicep puts out, and azd puts into a hook's environment."""


class Machine:
    """One on which azd runs; `there` is what Azure and the directory hold."""

    def __init__(self, folder: Path) -> None:
        self.bin, self._state = folder / "bin", folder / "state.json"
        install(self.bin, self._state)
        self.there = fresh(TENANT_ID)
        self.environ = dict(OUTPUTS)

    @property
    def there(self) -> dict[str, Any]:
        """A copy: to change what there is, assign it."""
        found: dict[str, Any] = json.loads(self._state.read_text())
        return found

    @there.setter
    def there(self, state: dict[str, Any]) -> None:
        self._state.write_text(json.dumps(state))

    def refuse(self, method: str, contains: str, status: int, code: str, times: int = 99) -> None:
        """Have requests like this refused."""
        state = self.there
        rule = {"method": method, "contains": contains, "status": status, "code": code, "times": times}
        self.there = {**state, "refuse": [*state["refuse"], rule]}

    def allow(self) -> None:
        """Refuse nothing any more."""
        self.there = {**self.there, "refuse": []}

    def hook(self, name: str, *, given: str = "", **environ: str) -> Answer:
        """Run a hook as azure.yaml has it run on Linux, in the project's folder."""
        [shell, line] = [AZURE_YAML["hooks"][name]["posix"][key] for key in ("shell", "run")]
        return self.run(shell, "-c", line, given=given, **environ)

    def python(self, *words: str, given: str = "", **environ: str) -> Answer:
        """Run `python -m infra.hooks` as a person does."""
        return self.run(sys.executable, "-m", "infra.hooks", *words, given=given, **environ)

    def run(self, *words: str, given: str = "", **environ: str) -> Answer:
        """Run anything there; what is kept of this machine's environment is only what Python needs."""
        inherited = {name: os.environ[name] for name in ("HOME",) if name in os.environ}
        path = f"{self.bin}:{Path(shutil.which('sh') or '/bin/sh').parent}:/usr/bin"
        done = subprocess.run(
            words,
            input=given,
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**inherited, "PATH": path, "WATCH_PYTHON": sys.executable, **self.environ, **environ},
            check=False,
            timeout=200,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def calls(self, *contains: str) -> list[list[str]]:
        """The calls of az and azd with all these words in them."""
        return [
            call for call in self.there["calls"] if all(any(one in word for word in call) for one in contains)
        ]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)
