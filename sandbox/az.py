"""An `az` for the sandbox: knows nothing but the token of somebody who is signed in to the simulated tenant.

So `admin audit`, `explain` and `doctor --as-me` ask it as they ask Microsoft's Azure CLI.
"""

import argparse
import json
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from sandbox.graph.identity import AZURE_CLI, AZURE_CLI_SCOPES, delegated

LIFETIME = 3600
"""Seconds that a token holds."""

_ONLY = (
    "This is the sandbox's az. It only knows: az account get-access-token. Leave this shell for the real one."
)


def install(folder: Path, source: Path) -> None:
    """Put an `az` into the folder; `source`: where this project lies."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "az"
    path = f"PYTHONPATH={shlex.quote(str(source))}"
    file.write_text(f'#!/bin/sh\n{path} exec {shlex.quote(sys.executable)} -m sandbox.az "$@"\n')
    file.chmod(0o755)


class _Words(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(1, f"ERROR: {_ONLY}\n")


def answer(words: Sequence[str], environ: Mapping[str, str], now: datetime) -> dict[str, str | int]:
    """What `az account get-access-token` prints. Exits with one sentence for anything else."""
    parser = _Words(prog="az", add_help=False)
    parser.add_argument("group", choices=["account"])
    parser.add_argument("command", choices=["get-access-token"])
    for option in ("--output", "--resource", "--scope", "--tenant", "--subscription"):
        parser.add_argument(option, default="")
    asked = parser.parse_args(words)
    tenant_id = environ.get("TENANT_ID", "")
    if asked.tenant and asked.tenant != tenant_id:
        parser.exit(1, f"ERROR: AADSTS90002: Tenant '{asked.tenant}' not found.\n")
    token, until = delegated(tenant_id, AZURE_CLI, AZURE_CLI_SCOPES, now, LIFETIME)
    return {
        "accessToken": token,
        "expiresOn": f"{until.astimezone():%Y-%m-%d %H:%M:%S.%f}",
        "expires_on": int(until.timestamp()),
        "tenant": tenant_id,
        "tokenType": "Bearer",
    }


if __name__ == "__main__":
    print(json.dumps(answer(sys.argv[1:], os.environ, datetime.now(UTC)), indent=2))
