"""After azd has deployed the code: the app answers, Graph tells it of changes, the doctor has looked."""

import contextlib
import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping

import msgspec

from admin.endings import DONE, FOUND, TROUBLE
from admin.references import is_reference, stand_ins
from infra.hooks import event_grid, vault
from infra.hooks.programs import Refused, Stop, admin, rest
from infra.hooks.variables import EVENT_GRID, Made, choices, made
from shared.settings.reader import REFERENCE

_NOT_FOR_THE_DOCTOR = ("WATCH_STORAGE", "AzureWebJobs", "APPLICATIONINSIGHTS", "WEBSITE_", "LOCAL_KEY")
"""How settings begin that it has no use for, or has from elsewhere; some may hold a key."""
_SET = f"{REFERENCE}SecretUri=)"
"""Says that a secret is set, and nothing else of it."""


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds: for the app to answer, for it to follow an order, between tries, and for new ones to begin.

    Role assignments take up to ten minutes to come into force, and a first start from nothing half a minute.
    """

    health: float = 600.0
    order: int = 240
    between: float = 20.0
    tries: float = 600.0


def after(environ: Mapping[str, str], patience: Patience | None = None) -> None:
    """Raises `Stop` where the app does not answer or follow; what Graph refuses, or the doctor finds, is said
    and no end of the deployment: the app goes on trying."""
    patience = patience or Patience()
    chosen, there = choices(environ), made(environ)
    _has_secrets(there)
    wait_for_health(there, patience)
    _subscribe(there, patience)
    if chosen.delivery == EVENT_GRID:
        event_grid.connect(there, patience.health, patience.between)
    _doctor(there)


def _has_secrets(there: Made) -> None:
    """Without them the app can't start, and to wait for it would be for nothing. Raises `Stop`."""
    missing = []
    for name in (vault.CLIENT_STATE, vault.TEAMS):
        # Whoever may deploy code and not look into the vault finds out by waiting.
        with contextlib.suppress(Stop):
            missing += [] if vault.there(there, name) else [name]
    if vault.TEAMS in missing:
        raise Stop(f"{vault.missing(there)}, and then: azd hooks run postdeploy")
    if missing:
        raise Stop(
            f"{vault.CLIENT_STATE} is not in the vault {there.vault}: without it the app does not start. "
            "Run: azd hooks run postprovision, and then: azd hooks run postdeploy"
        )


def wait_for_health(there: Made, patience: Patience) -> None:
    """Until the app says how it is, well or not: then its code runs and its settings are right."""
    until = time.monotonic() + patience.health
    while not (said := health(there.base_url)):
        if time.monotonic() >= until:
            raise Stop(
                f"The app does not answer at {there.base_url}/api/health. Look in the Azure portal at "
                f"Function App {there.app} › Log stream (a setting that is wrong is named there), and at "
                "Environment variables, whether each reference to Key Vault is resolved. "
                "Then run: azd hooks run postdeploy"
            )
        time.sleep(min(patience.between, 5.0))
    print(f"The app answers; its health is: {said}.")


def health(base_url: str) -> str:
    """The one word that health tells anyone; empty where it tells none."""
    try:
        try:
            address = f"{base_url}/api/health"
            with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310 - our own template's output
                said = answer.read(10_000)
        except urllib.error.HTTPError as answer:
            # "unwell" comes with 503, in the same form.
            said = answer.read(10_000)
    except (OSError, http.client.HTTPException):
        return ""
    try:
        told = json.loads(said)
    except ValueError:
        return ""
    return str(told.get("status", "")) if isinstance(told, dict) else ""


def _subscribe(there: Made, patience: Patience) -> None:
    until = time.monotonic() + patience.tries
    order = ("subscriptions", "create", "--wait", str(patience.order))
    while (code := admin(*order, environ=there.storage)) == TROUBLE and time.monotonic() < until:
        print(
            "If access was refused: your role on the watch's storage may not be in force yet, which takes up "
            "to ten minutes. Trying again …",
            flush=True,
        )
        time.sleep(patience.between)
    if code == FOUND:
        print(
            "Graph refused something, as said above; if it was a permission, grant it. The app tries again "
            "by itself every quarter of an hour."
        )
    elif code != DONE:
        raise Stop(
            "The Graph subscriptions could not be asked for. When that is mended: azd hooks run postdeploy"
        )


def _doctor(there: Made) -> None:
    """The doctor, with the settings that the app has, as whoever deploys: only the app has its identity."""
    code = admin("doctor", "--as-me", environ={**_app_settings(there), **there.storage})
    if code == FOUND:
        print("What is red above is to be mended, or not done yet so soon after the start: look again later.")
    elif code != DONE:
        print("The doctor could not look at everything. docs/doctor.md says how to run it by hand.")


def _app_settings(there: Made) -> dict[str, str]:
    """The app's settings as they stand: of a secret, that it is set; not where the host keeps its own."""
    try:
        listed = rest("POST", f"{there.app_id}/config/appsettings/list?api-version=2024-11-01")
    except Refused:
        return {}
    settings = {name: str(value) for name, value in listed["properties"].items() if value}
    secrets = stand_ins(settings)
    return {
        # A secret that somebody put there in plain stays there.
        name: _SET if name in secrets and not is_reference(value) else value
        for name, value in settings.items()
        if not name.startswith(_NOT_FOR_THE_DOCTOR)
    }
