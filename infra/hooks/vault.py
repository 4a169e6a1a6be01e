"""The secrets in Key Vault: made or asked for once, written, and never read back by a hook.

They are written by way of Azure Resource Manager, not of the vault's own address: that needs no role on the
secrets themselves, which takes minutes to come into force, and reaches a vault behind a private endpoint.
(Azure Resource Manager template reference: Microsoft.KeyVault/vaults/secrets.)
"""

import getpass
import secrets
import sys
from collections.abc import Mapping

from admin.references import stand_ins
from infra.hooks.programs import DENIED, NOT_FOUND, Refused, Stop, launched, rest
from infra.hooks.variables import Made
from shared.settings.reader import url_problem

CLIENT_STATE, TEAMS = "CLIENT_STATE", "TEAMS_WORKFLOW_URL"

_API = "?api-version=2023-07-01"
_BYTES = 48
"""Of randomness in CLIENT_STATE: 64 characters, of the 32 to 128 that the watch wants."""


def there(made: Made, name: str) -> bool:
    """Whether the vault has this secret. Raises `Stop` where that can't be said."""
    try:
        rest("GET", made.secret_id(name) + _API)
    except Refused as problem:
        if problem.kind == NOT_FOUND:
            return False
        raise _stop(made, problem) from None
    return True


def write(made: Made, name: str, value: str) -> None:
    """Write the secret that is the setting of this name; one that is there gets a new version."""
    try:
        rest("PUT", made.secret_id(name) + _API, {"properties": {"value": value}})
    except Refused as problem:
        raise _stop(made, problem) from None


def client_state(made: Made) -> bool:
    """Make CLIENT_STATE if there is none; says whether it was made. A new one would silence Graph."""
    if there(made, CLIENT_STATE):
        return False
    write(made, CLIENT_STATE, secrets.token_urlsafe(_BYTES))
    print(f"CLIENT_STATE was made and stands in the vault {made.vault}.")
    return True


def teams(made: Made, environ: Mapping[str, str]) -> bool:
    """Put the address of the Teams workflow into the vault if it is not there; says whether it was put.

    It is taken from the environment, else asked for where somebody sits at a terminal; else it is said how to
    give it.
    """
    if there(made, TEAMS):
        return False
    value = checked(TEAMS, environ.get(TEAMS, "").strip()) or _asked_until_right(TEAMS)
    if not value:
        print(f"{missing(made)}.")
        return False
    write(made, TEAMS, value)
    print(f"{TEAMS} stands in the vault {made.vault}.")
    return True


def missing(made: Made) -> str:
    """That the address of the workflow is not there, and how to give it; the full stop is left to others."""
    return (
        f"{TEAMS} is not in the vault {made.vault}: without it the app does not start. "
        f"Run: {launched('secret', TEAMS)}"
    )


def known(name: str, environ: Mapping[str, str]) -> str:
    """The name. Raises `Stop` where no setting of the app that is a secret has it."""
    names = stand_ins(environ)
    if name not in names:
        raise Stop(
            f"The app has no secret {name[:60]!r}. Its secrets are {', '.join(names)}, and those that ROUTES "
            "names. Nothing was written."
        )
    return name


def ask(made: Made, name: str) -> None:
    """Have a secret typed (or read from standard input) and write it. Raises `Stop` where there is none."""
    value = _asked(name) if sys.stdin.isatty() else sys.stdin.readline().strip()
    if not value:
        raise Stop(f"No value for {name} was given. Nothing was written.")
    write(made, name, checked(name, value))
    refresh(made)
    print(f"{name} stands in the vault {made.vault}. The app takes it with its next start, within minutes.")


def refresh(made: Made) -> None:
    """Have the app read its references to the vault again: otherwise it would do so within a day."""
    try:
        rest("POST", f"{made.app_id}/config/configreferences/appsettings/refresh?api-version=2022-03-01")
    except Refused:
        # Whatever restarts the app has the same effect, and deploying its code does.
        print("The app could not be told to read its secrets again. If it lacks one, restart it.")


def checked(name: str, value: str) -> str:
    """The value. Raises `Stop` where the app would not take it, or it is no address where one was wanted."""
    if problem := _problem(name, value) if value else "":
        raise Stop(f"What was given for {name} {problem}. Nothing was written.")
    return value


def _problem(name: str, value: str) -> str:
    """What is wrong with a value, as the app's settings see it, without quoting it."""
    if name.startswith(CLIENT_STATE):
        usable = 32 <= len(value) <= 128 and value.isascii() and value.isprintable()
        return "" if usable else "has not 32 to 128 plain characters"
    if not name.endswith("_URL") or not (problem := url_problem(value, teams=name == TEAMS)):
        return ""
    if problem.code == "not-teams":
        return "is not the address that a Teams workflow shows for its trigger"
    return "is no https address"


def _asked_until_right(name: str) -> str:
    """What somebody at a terminal gives, asked again while it can't be right; empty where nobody does."""
    while value := _asked(name):
        try:
            return checked(name, value)
        except Stop as problem:
            print(problem)
    return ""


def _asked(name: str) -> str:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return ""
    if name == TEAMS:
        print(
            "The watch tells people in Teams. In the channel: Workflows › Send webhook alerts to a channel; "
            "paste the URL that it shows at the end."
        )
    return getpass.getpass(f"{name} (is not shown): ").strip()


def _stop(made: Made, problem: Refused) -> Stop:
    if problem.kind == DENIED:
        return Stop(
            f"You may not write secrets of the vault {made.vault} ({problem.code}). It takes the role "
            f"Contributor or Owner on the resource group {made.group}. Then run: azd hooks run postprovision"
        )
    return Stop(
        f"The vault {made.vault} could not be asked ({problem.code}). Try: azd hooks run postprovision"
    )
