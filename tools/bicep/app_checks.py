"""Whether the templates and the app mean the same: settings, open paths, storage, metrics."""

import re
from collections.abc import Iterator

from tools.bicep import app
from tools.bicep.evaluation import Evaluation
from tools.bicep.known import NOT_EMITTED, NOT_OURS
from tools.bicep.syntax import properties
from tools.bicep.templates import Fault, Templates

_METRIC = re.compile(r"\"(watch\.[a-z_]+)\"")
_DELIVERIES = ("webhook", "eventgrid")


def settings(all_: Templates) -> Iterator[Fault]:
    """What the watch reads is emitted, and nothing else, apart from what is listed with its reason."""
    name = "infra/app/app-settings.bicep"
    read, emitted = app.settings_read(), _emitted(all_)
    for one in sorted(read - emitted - NOT_EMITTED.keys()):
        yield Fault("settings", name, 0, f"the watch reads {one}, and nothing sets it")
    for one in sorted(emitted - read - NOT_OURS.keys()):
        yield Fault("settings", name, 0, f"{one} is set, and nothing reads it")
    for one in sorted(NOT_EMITTED.keys() & emitted):
        yield Fault("settings", name, 0, f"{one} is not to be set: {NOT_EMITTED[one]}")
    for one in sorted(NOT_OURS.keys() - emitted):
        yield Fault("settings", name, 0, f"{one} must be set: {NOT_OURS[one]}")


def _emitted(all_: Templates) -> set[str]:
    chosen = dict.fromkeys(all_.parameters.get("watchSettings", {}), "set")
    given = {
        "watchSettings": chosen,
        "graphCloud": "public",
        "vaultSecrets": [],
        "vaultUri": "https://vault/",
    }
    one_route = [{"name": "helpdesk", "type": "teams"}]
    found: set[str] = set()
    for delivery in _DELIVERIES:
        for routes in ([], one_route):
            found |= all_.app_settings(**given, routes=routes, delivery=delivery).keys()
    return found


def open_paths(all_: Templates) -> Iterator[Fault]:
    """Without signing in one reaches exactly what has to be reached so."""
    file = all_.file("app/sign-in.bicep")
    (made,) = (one for one in file.resources if not one.existing)
    for delivery in _DELIVERIES:
        value = Evaluation(file, {"delivery": delivery}).value(properties(made.body)["properties"])
        got, wanted = set(value["globalValidation"]["excludedPaths"]), app.open_paths(delivery)
        for path in sorted(got - wanted):
            yield Fault("open-paths", all_.name(file.path), made.line, f"{path} must need a sign-in")
        for path in sorted(wanted - got):
            yield Fault("open-paths", all_.name(file.path), made.line, f"{path} must be open ({delivery})")


def storage(all_: Templates) -> Iterator[Fault]:
    """Containers and queues are those that the code names; the ledger and queues are never made immutable."""
    name = all_.name(all_.file("app/storage-watch.bicep").path)
    account = "Microsoft.Storage/storageAccounts"
    given = {"immutabilityDays": 30, "closed": False, "allowedAddresses": []}
    only = Templates(all_.infra)
    only.files = [all_.file("app/storage-watch.bicep")]
    containers = only.values(f"{account}/blobServices/containers", **given)
    queues = only.values(f"{account}/queueServices/queues", **given)
    wanted = {*app.QUEUES, *(f"{queue}-poison" for queue in app.QUEUES)}
    if {one["name"] for one in containers} != set(app.CONTAINERS):
        yield Fault("storage", name, 0, f"the containers are {', '.join(app.CONTAINERS)}")
    if {one["name"] for one in queues} != wanted:
        yield Fault("storage", name, 0, f"the queues are {', '.join(sorted(wanted))}")
    immutable = {one["name"] for one in containers if "immutableStorageWithVersioning" in one["properties"]}
    if immutable != {"alerts", "evidence"}:
        yield Fault(
            "storage", name, 0, "immutable by version are alerts and evidence: the ledger changes always"
        )
    for one in only.values(f"{account}", **given):
        if one["properties"]["allowSharedKeyAccess"]:
            yield Fault("storage", name, 0, "no key may open the account")


def queries(all_: Templates) -> Iterator[Fault]:
    """Queries ask only for metrics that the watch notes."""
    known = app.metrics()
    for query in sorted((all_.infra / "queries").glob("*.kql")):
        for number, row in enumerate(query.read_text().splitlines(), start=1):
            if "Name" not in row:
                continue
            for metric in _METRIC.findall(row):
                if metric not in known:
                    yield Fault("queries", all_.name(query), number, f"the watch notes no {metric}")
