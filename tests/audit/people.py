"""People who sign in to a simulated tenant: tokens as the Azure CLI would get them, and a fake `az`."""

import json
import stat
import sys
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from azure.core.credentials import AccessToken

from sandbox.graph.identity import AZURE_CLI, AZURE_CLI_SCOPES, delegated
from sandbox.graph.rates import Rates
from sandbox.graph.server import Running
from shared.graph.retry import Patience
from shared.graph.session import GraphSession
from shared.settings import GraphSettings

QUICK = Rates(
    notification_latency=(0.0, 0.0),
    licensing_delay=(0.0, 0.0),
    replication_delay=0.0,
    index_lag=0.0,
    report_takes_top=True,
    report_page_size=999,
)

EVERYTHING = (
    "AuditLog.Read.All",
    "Group.Read.All",
    "Organization.Read.All",
    "Policy.Read.All",
    "User.Read.All",
)
"""What a sign-in with a code asks for."""


def delegated_in(running: Running, scopes: Iterable[str]) -> tuple[str, datetime]:
    """A token of `az login` in that tenant, and its end."""
    world = running.world
    return delegated(world.organization.id, AZURE_CLI, scopes, world.now(), world.rates.token_lifetime)


class Person:
    """A credential with these permissions in this tenant; `az login`'s by default."""

    def __init__(self, running: Running, scopes: Iterable[str] = AZURE_CLI_SCOPES) -> None:
        self._running, self._scopes = running, tuple(scopes)
        self.asked = 0

    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        self.asked += 1
        token, until = delegated_in(self._running, self._scopes)
        return AccessToken(token, int(until.timestamp()))

    async def close(self) -> None:
        pass

    async def __aenter__(self) -> "Person":
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


def session_of(running: Running, person: Person, *, attempts: int = 5) -> GraphSession:
    """A session of that person, which does not wait long."""
    settings = GraphSettings(base_url=running.graph_url, tenant_id=running.world.organization.id)
    patience = Patience(attempts=attempts, first_backoff=0.01, longest_wait=5.0)
    return GraphSession(settings, credential=person, patience=patience)


def install_az(folder: Path, running: Running, scopes: Iterable[str] = AZURE_CLI_SCOPES) -> Path:
    """An `az` that knows `account get-access-token` and gives that person's token; where it lies."""
    token, until = delegated_in(running, scopes)
    answer = {
        "accessToken": token,
        "expiresOn": f"{until.astimezone():%Y-%m-%d %H:%M:%S.%f}",
        "expires_on": int(until.timestamp()),
        "subscription": "00000000-0000-0000-0000-000000000000",
        "tenant": running.world.organization.id,
        "tokenType": "Bearer",
    }
    return _script(folder, f"print({json.dumps(json.dumps(answer))})")


def install_failing_az(folder: Path, said: str) -> Path:
    """An `az` that fails with these words."""
    return _script(folder, f"import sys; sys.stderr.write({said!r}); sys.exit(1)")


def _script(folder: Path, line: str) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / "az"
    file.write_text(f"#!{sys.executable}\n{line}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return folder
