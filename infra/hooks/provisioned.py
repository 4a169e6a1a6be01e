"""Before and after azd provisions: choices looked at early; then secrets, permissions, sign-in."""

from collections.abc import Mapping

from infra.hooks import directory, vault
from infra.hooks.programs import DENIED, Refused, Stop, az, set_variable
from infra.hooks.variables import Choices, Made, choices, made

_GRAPH_TEMPLATE, _SIGN_IN_TEMPLATE = "infra/graph/main.bicep", "infra/app/sign-in.bicep"


def before(environ: Mapping[str, str]) -> None:
    """Look at what can be looked at before minutes are spent. Raises `Stop`."""
    choices(environ)
    try:
        account = az("account", "show")
    except Refused:
        raise Stop(
            "Nobody is signed in with az, which is needed beside azd's own sign-in. Run: az login"
        ) from None
    wanted = environ.get("AZURE_TENANT_ID", "")
    if wanted and account["tenantId"].lower() != wanted.lower():
        raise Stop(
            f"az is signed in to tenant {account['tenantId']}, and this environment is of {wanted}. "
            f"Run: az login --tenant {wanted}"
        )
    if not environ.get("ALERT_EMAIL", "").strip():
        print(
            "ALERT_EMAIL is not set: if the watch dies, nobody gets a mail. "
            "To name an address: azd env set ALERT_EMAIL <address>"
        )


def after(environ: Mapping[str, str]) -> None:
    """Write the secrets that are missing, grant what the watch may read, have people sign in to the report.

    Whoever lacks rights in the directory gets everything else, and one sentence on who must run what. Raises
    `Stop` for anything but that.
    """
    chosen, there = choices(environ), made(environ)
    written = [vault.client_state(there), vault.teams(there, environ)]
    if any(written):
        vault.refresh(there)
    app_id = _directory(chosen, there)
    if app_id and app_id != environ.get("REPORT_APP_ID", ""):
        set_variable("REPORT_APP_ID", app_id)
        _sign_in(there, chosen, app_id)


def _directory(chosen: Choices, there: Made) -> str:
    """Permissions and registration; the registration's client id, empty where it was not allowed."""
    try:
        if chosen.cloud == "public":
            try:
                return _by_template(chosen, there)
            except Refused as problem:
                if problem.kind == DENIED:
                    raise
                print(f"{_GRAPH_TEMPLATE} could not be deployed ({problem.code}): Graph itself is asked.")
        return by_requests(chosen, there)
    except Refused as problem:
        if problem.kind != DENIED:
            raise Stop(
                f"Permissions and registration could not be made ({problem.code}). "
                "Try: azd hooks run postprovision"
            ) from None
        print(who_must(chosen, there, problem))
        return ""


def _by_template(chosen: Choices, there: Made) -> str:
    values = {
        "watchPrincipalId": there.principal,
        "graphPacks": ",".join(chosen.packs),
        "baseUrl": there.base_url,
        "reportReaders": ",".join(chosen.readers),
    }
    outputs = _deployed(there, _GRAPH_TEMPLATE, values)
    print("The permissions on Microsoft Graph and the report's app registration are deployed.")
    return str(outputs["REPORT_APP_ID"]["value"])


def by_requests(chosen: Choices, there: Made) -> str:
    """The same by plain requests; the registration's client id. Raises `Refused`."""
    wanted = directory.Wanted(
        graph=chosen.graph,
        issuer=issuer(there.tenant),
        principal=there.principal,
        packs=chosen.packs,
        base_url=there.base_url,
        readers=chosen.readers,
    )
    granted = directory.grant(wanted)
    print(f"Granted on Microsoft Graph: {', '.join(granted) or 'nothing new'}.")
    app_id = directory.report_app(wanted)
    print(f"The report's app registration is {app_id}.")
    return app_id


def issuer(tenant: str) -> str:
    """Who signs tokens of this tenant, by the sign-in address of the cloud that az works with."""
    cloud = az("cloud", "show", "--query", "endpoints.activeDirectory")
    return f"{str(cloud).rstrip('/')}/{tenant}/v2.0"


def who_must(chosen: Choices, there: Made, problem: Refused) -> str:
    """Who must run which command, in one sentence each."""
    words = [f"--tenant {there.tenant} --principal {there.principal} --base-url {there.base_url}"]
    words += [f"--cloud {chosen.cloud}"] if chosen.cloud != "public" else []
    words += [f"--packs {','.join(chosen.packs)}"] if chosen.packs else []
    words += [f"--readers {','.join(chosen.readers)}"] if chosen.readers else []
    return (
        f"You may not grant permissions on Microsoft Graph ({problem.code or 'refused'}); the watch reads "
        "nothing until a Privileged Role Administrator has run this in a clone of the project, signed in "
        f"with az: python -m infra.hooks grant {' '.join(words)}"
    )


def _sign_in(there: Made, chosen: Choices, app_id: str) -> None:
    """infra/main.bicep did not know the registration yet: put the sign-in before the app now."""
    values = {"appName": there.app, "reportAppId": app_id, "delivery": chosen.delivery}
    try:
        _deployed(there, _SIGN_IN_TEMPLATE, values)
    except Refused as problem:
        raise Stop(
            f"The sign-in to the report could not be deployed ({problem.code}). Run: azd provision"
        ) from None


def _deployed(there: Made, template: str, values: Mapping[str, str]) -> dict[str, dict[str, str]]:
    found = az(
        *("deployment", "group", "create", "--subscription", there.subscription),
        *("--resource-group", there.group, "--template-file", template, "--parameters"),
        *(f"{name}={value}" for name, value in values.items()),
    )
    outputs: dict[str, dict[str, str]] = found["properties"].get("outputs") or {}
    return outputs
