"""Before and after azd provisions: choices looked at early; then secrets, permissions, sign-in."""

from collections.abc import Mapping

from infra.hooks import directory, vault
from infra.hooks.programs import DENIED, Refused, Stop, az, launched, set_variable
from infra.hooks.variables import Choices, Made, choices, made

_JOINS = "Microsoft.App"
"""The resource provider to which the app's subnet is delegated (infra/app/network.bicep)."""
_GRAPH_TEMPLATE, _SIGN_IN_TEMPLATE = "infra/graph/main.bicep", "infra/app/sign-in.bicep"


def before(environ: Mapping[str, str]) -> None:
    """Look at what can be looked at before minutes are spent. Raises `Stop`."""
    choices(environ)
    subscription = _signed_in(environ)
    if environ.get("PRIVATE_NETWORK") == "true":
        _may_join_networks(environ.get("AZURE_SUBSCRIPTION_ID") or subscription)
    if not environ.get("ALERT_EMAIL", "").strip():
        print(
            "ALERT_EMAIL is not set: if the watch dies, nobody gets a mail. "
            "To name an address: azd env set ALERT_EMAIL <address>"
        )


def _signed_in(environ: Mapping[str, str]) -> str:
    """az works with the tenant of this environment, as far as that is known; the subscription that az has
    chosen. Raises `Stop`."""
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
    return str(account["id"])


def _may_join_networks(subscription: str) -> None:
    """Register what joins a Flex Consumption app to its network: no template names it, so Azure would not do
    that by itself. (Azure Functions: networking options, Flex Consumption.)"""
    try:
        az("provider", "register", "--namespace", _JOINS, "--subscription", subscription, "--wait")
    except Refused as problem:
        raise Stop(
            f"{_JOINS} could not be registered in the subscription ({problem.code or 'refused'}); without it "
            "the app can't join its network. Somebody who is Contributor of the subscription runs: "
            f"az provider register --namespace {_JOINS}"
        ) from None


def after(environ: Mapping[str, str]) -> None:
    """Write the secrets that are missing, grant what the watch may read, have people sign in to the report.

    Whoever lacks rights in the directory gets everything else, and one sentence on who must run what. Raises
    `Stop` for anything but that.
    """
    chosen, there = choices(environ), made(environ)
    # The first time only now is it known which tenant: what follows must not be done in another.
    _signed_in(environ)
    written = [vault.client_state(there), vault.teams(there, environ)]
    if any(written):
        vault.refresh(there)
    known = environ.get("REPORT_APP_ID", "")
    app_id = _directory(chosen, there, known)
    if app_id and app_id != known:
        set_variable("REPORT_APP_ID", app_id)
        _sign_in(there, chosen, app_id)


def _directory(chosen: Choices, there: Made, known: str) -> str:
    """Permissions and registration; the registration's client id, empty where it was not allowed.

    `known`: the client id that this environment has from before.
    """
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
        print(who_must(chosen, there, problem, lacking=_lacking(chosen, there), known=known))
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


def _wanted(chosen: Choices, there: Made) -> directory.Wanted:
    return directory.Wanted(
        graph=chosen.graph,
        issuer=issuer(there.tenant),
        principal=there.principal,
        packs=chosen.packs,
        base_url=there.base_url,
        readers=chosen.readers,
    )


def _lacking(chosen: Choices, there: Made) -> bool | None:
    """Whether the watch lacks a permission; None where this sign-in may not see that."""
    try:
        return bool(directory.lacking(_wanted(chosen, there)))
    except (Refused, Stop):
        return None


def by_requests(chosen: Choices, there: Made) -> str:
    """The same by plain requests; the registration's client id. Raises `Refused`."""
    wanted = _wanted(chosen, there)
    granted = directory.grant(wanted)
    print(f"Granted on Microsoft Graph: {', '.join(granted) or 'nothing new'}.")
    app_id = directory.report_app(wanted)
    print(f"The report's app registration is {app_id}.")
    return app_id


def issuer(tenant: str) -> str:
    """Who signs tokens of this tenant, by the sign-in address of the cloud that az works with."""
    cloud = az("cloud", "show", "--query", "endpoints.activeDirectory")
    return f"{str(cloud).rstrip('/')}/{tenant}/v2.0"


def who_must(chosen: Choices, there: Made, problem: Refused, *, lacking: bool | None, known: str) -> str:
    """Who must run which command, and what is not to be had before; or that nobody must.

    `lacking`: a permission of the watch's is not granted; None: that can't be said. `known`: the report's
    registration from before.
    """
    if known and lacking is False:
        return (
            "The watch's permissions on Microsoft Graph and the report's registration are there from before; "
            "you may not change them."
        )
    words = [f"--tenant {there.tenant} --principal {there.principal} --base-url {there.base_url}"]
    words += [f"--cloud {chosen.cloud}"] if chosen.cloud != "public" else []
    words += [f"--packs {','.join(chosen.packs)}"] if chosen.packs else []
    words += [f"--readers {','.join(chosen.readers)}"] if chosen.readers else []
    until = {
        True: "the watch can't read what they are for",
        False: "those of the watch are granted, but nobody can see the report",
        None: "unless that was done before, the watch can't read what they are for",
    }[lacking]
    return (
        f"You may not grant permissions on Microsoft Graph ({problem.code or 'refused'}); {until} until a "
        "Privileged Role Administrator has run this in a clone of the project, signed in with az: "
        f"{launched('grant', *words)}"
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
