"""Before and after azd takes everything down: no Graph subscription, no app registration is left behind."""

from collections.abc import Mapping

from admin.endings import DONE
from infra.hooks.directory import delete_report_app
from infra.hooks.programs import Refused, Stop, admin, set_variable
from infra.hooks.variables import choices, made

_WAIT = 180


def before(environ: Mapping[str, str], wait: int = _WAIT) -> None:
    """Have the app delete its subscriptions. Never in the way of what was asked for: without the app they end
    by themselves. azd asks whether it shall go on only after this, so it is said how to take it back."""
    try:
        there = made(environ)
    except Stop:
        print("Nothing was provisioned in this environment, so there is no Graph subscription to delete.")
        return
    code = admin("subscriptions", "delete", "--wait", str(wait), environ=there.storage)
    if code != DONE:
        print(
            "The app did not delete all of its Graph subscriptions. What is left of them ends by itself, 27 "
            "days after it was last renewed at the latest; until then Graph calls an address that is no more."
        )
    print("If you keep the app after all, run: azd hooks run postdeploy")


def after(environ: Mapping[str, str]) -> None:
    """Delete the report's app registration, which is of the directory and not of the resource group."""
    app_id = environ.get("REPORT_APP_ID", "")
    if not app_id:
        return
    try:
        delete_report_app(choices(environ).graph, app_id)
    except (Refused, Stop):
        print(
            f"The app registration {app_id} is still there, and you may not delete it. Whoever may runs: "
            f"az ad app delete --id {app_id}"
        )
    else:
        print(f"The app registration {app_id} is deleted.")
    set_variable("REPORT_APP_ID", "")
