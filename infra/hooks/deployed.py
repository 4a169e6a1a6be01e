"""After azd has deployed the code: the app answers, Graph tells it of changes, the doctor has looked."""

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping

import msgspec

from admin.endings import DONE, FOUND, TROUBLE
from admin.references import is_reference, stand_ins
from infra.hooks import event_grid
from infra.hooks.programs import Refused, Stop, admin, rest
from infra.hooks.variables import EVENT_GRID, Made, choices, made
from shared.settings_reader import REFERENCE

_NOT_FOR_THE_DOCTOR = ("WATCH_STORAGE", "AzureWebJobs", "APPLICATIONINSIGHTS", "WEBSITE_", "LOCAL_KEY")
"""How settings begin that it has no use for, or has from elsewhere; some may hold a key."""
_SET = f"{REFERENCE}SecretUri=)"
"""Says that a secret is set, and nothing else of it."""


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds: for the app to answer, for it to follow an order, between tries; and how many tries.

    Role assignments take minutes to come into force, and a first start from nothing half a minute.
    """

    health: float = 600.0
    order: int = 240
    between: float = 20.0
    tries: int = 3


def after(environ: Mapping[str, str], patience: Patience | None = None) -> None:
    """Raises `Stop` where the app does not answer or follow; what Graph refuses, or the doctor finds, is said
    and no end of the deployment: the app goes on trying."""
    patience = patience or Patience()
    chosen, there = choices(environ), made(environ)
    wait_for_health(there, patience)
    _subscribe(there, patience)
    if chosen.delivery == EVENT_GRID:
        event_grid.connect(there, patience.health, patience.between)
    _doctor(there)


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
        # The address is an output of our own template.
        with urllib.request.urlopen(f"{base_url}/api/health", timeout=30) as answer:  # noqa: S310
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
    code = TROUBLE
    for tried in range(patience.tries):
        if tried:
            print("Your role on the watch's storage may not be in force yet. Trying again …", flush=True)
            time.sleep(patience.between)
        code = admin("subscriptions", "create", "--wait", str(patience.order), environ=there.storage)
        if code != TROUBLE:
            break
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
