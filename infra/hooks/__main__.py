"""`python -m infra.hooks <hook>`: azd's hooks by name; `secret` and `grant` are for people."""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence

from admin.references import stand_ins
from infra.hooks import deployed, directory, provisioned, removed, vault
from infra.hooks.programs import ROOT, Refused, Stop, variables_of_azd
from infra.hooks.variables import CLOUDS, choices, known_for_secrets, listed, made_for_secrets
from shared.graph.permissions import table
from shared.guids import as_guid

HOOKS: Mapping[str, Callable[[Mapping[str, str]], None]] = {
    "preprovision": provisioned.before,
    "postprovision": provisioned.after,
    "postdeploy": deployed.after,
    "predown": removed.before,
    "postdown": removed.after,
}

_FORM_OF_ID = "00000000-0000-0000-0000-000000000000"

READY = "ready"
"""Does nothing: what starts this has set up Python, before azd runs two hooks at a time."""


def main(words: Sequence[str]) -> int:
    """Run one; the exit code. What stands in its way is one sentence on standard error."""
    asked = _parser().parse_args(words)
    try:
        if asked.hook == "secret":
            environ = _for_secrets()
            vault.ask(made_for_secrets(environ), vault.known(asked.name, environ))
        elif asked.hook == "grant":
            _grant(asked)
        elif asked.hook == "prepackage":
            return subprocess.run([sys.executable, "-m", "tools.package"], cwd=ROOT, check=False).returncode
        elif asked.hook != READY:
            HOOKS[asked.hook](os.environ)
    except (Stop, Refused) as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _for_secrets() -> Mapping[str, str]:
    """This shell's variables; where they lack what was provisioned, with those of azd's environment."""
    return os.environ if known_for_secrets(os.environ) else {**os.environ, **variables_of_azd()}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.hooks", description=__doc__)
    hooks = parser.add_subparsers(dest="hook", required=True)
    for name in (*HOOKS, "prepackage", READY):
        hooks.add_parser(name)
    secret = hooks.add_parser("secret", help="write a secret of the app into its vault, typed or piped")
    secret.add_argument(
        "name", metavar="SETTING", help=f"{', '.join(stand_ins({}))}, or one that ROUTES names"
    )
    grant = hooks.add_parser("grant", help="grant the watch's permissions, make the report's registration")
    grant.add_argument("--tenant", required=True, metavar="ID")
    grant.add_argument("--principal", required=True, metavar="ID", help="object id of the watch's identity")
    grant.add_argument("--base-url", default="", metavar="URL", help="of the app; left out: no registration")
    grant.add_argument("--cloud", default="public", choices=list(CLOUDS))
    grant.add_argument(
        "--packs", default="", metavar="PACK,…", help=f"beyond the base, of: {', '.join(table().packs)}"
    )
    grant.add_argument("--readers", default="", metavar="ID,…", help="who may see the report, by object id")
    return parser


def _expect_ids(option: str, *values: str) -> None:
    """Before anything is asked of anybody. Raises `Stop`."""
    if wrong := [one for one in values if as_guid(one) is None]:
        raise Stop(f"{option} is {wrong[0][:60]!r}, which is no id. An id has the form {_FORM_OF_ID}.")


def _grant(asked: argparse.Namespace) -> None:
    _expect_ids("--tenant", asked.tenant)
    _expect_ids("--principal", asked.principal)
    _expect_ids("--readers", *listed(asked.readers))
    chosen = choices(
        {"GRAPH_CLOUD": asked.cloud, "GRAPH_PACKS": asked.packs, "REPORT_READERS": asked.readers}
    )
    wanted = directory.Wanted(
        graph=chosen.graph,
        issuer=provisioned.issuer(asked.tenant),
        principal=asked.principal,
        packs=chosen.packs,
        base_url=asked.base_url,
        readers=listed(asked.readers),
    )
    granted = directory.grant(wanted)
    print(f"Granted on Microsoft Graph: {', '.join(granted) or 'nothing new'}.")
    if asked.base_url:
        app_id = directory.report_app(wanted)
        print(f"The report's app registration is {app_id}. Whoever deploys the watch runs:")
        print(f"azd env set REPORT_APP_ID {app_id}")
        print("azd provision")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
