"""The commands of `python -m admin`: binds options to what they do, and nothing more."""

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from admin import exceptions, release
from admin.connection import WRONG, Desk, run
from admin.words import guide, say, texts

INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells have it."""

app = typer.Typer(
    add_completion=False, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False
)
exception = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
app.add_typer(
    exception, name="exception", help=say("help", "exception"), short_help=say("short", "exception")
)

Settings = Annotated[Path | None, typer.Option("--settings", metavar="FILE", help=say("options", "settings"))]


@app.callback(help=say("help", "app"))
def _app() -> None:
    pass


def _now() -> datetime:
    return datetime.now(UTC)


@exception.command("add", help=guide("add"), short_help=say("short", "add"))
def _add(
    user: Annotated[str, typer.Option(metavar="ID|UPN", help=say("options", "user"))] = "",
    group: Annotated[str, typer.Option(metavar="ID", help=say("options", "group"))] = "",
    tenant: Annotated[bool, typer.Option("--tenant", help=say("options", "tenant"))] = False,
    kind: Annotated[str, typer.Option(metavar="KIND", help=say("options", "kind"))] = "",
    until: Annotated[str, typer.Option(metavar="DATE|30d", help=say("options", "until"))] = "",
    owner: Annotated[str, typer.Option(metavar="TEXT", help=say("options", "owner"))] = "",
    reason: Annotated[str, typer.Option(metavar="TEXT", help=say("options", "reason"))] = "",
    settings: Settings = None,
) -> None:
    written = exceptions.on_command_line(
        user=user, group=group, tenant=tenant, kind=kind, until=until, owner=owner, reason=reason
    )
    raise typer.Exit(run(lambda desk: exceptions.add(desk, written, _now()), settings))


@exception.command("list", help=guide("list"), short_help=say("short", "list"))
def _list(
    as_json: Annotated[bool, typer.Option("--json", help=say("options", "json"))] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help=say("options", "csv"))] = False,
    everything: Annotated[bool, typer.Option("--all", help=say("options", "all"))] = False,
    settings: Settings = None,
) -> None:
    if as_json and as_csv:
        typer.echo(say("faults", "two-forms"), err=True)
        raise typer.Exit(WRONG)
    form = exceptions.JSON if as_json else exceptions.CSV if as_csv else exceptions.TABLE
    raise typer.Exit(run(lambda desk: exceptions.show(desk, form, _now(), ended=everything), settings))


@exception.command("end", help=guide("end"), short_help=say("short", "end"))
def _end(
    exception_id: Annotated[str, typer.Argument(metavar="ID", help=say("options", "id"))],
    settings: Settings = None,
) -> None:
    raise typer.Exit(run(lambda desk: exceptions.end(desk, exception_id, _now()), settings))


@exception.command("import", help=guide("import"), short_help=say("short", "import"))
def _import(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=say("options", "file"))],
    settings: Settings = None,
) -> None:
    async def work(desk: Desk) -> None:
        await exceptions.take_in(desk, exceptions.read(file), _now())

    raise typer.Exit(run(work, settings))


@app.command("release", help=guide("release"), short_help=say("short", "release"))
def _release(
    discard: Annotated[bool, typer.Option("--discard", help=say("options", "discard"))] = False,
    by: Annotated[str, typer.Option(metavar="TEXT", help=say("options", "by"))] = "",
    settings: Settings = None,
) -> None:
    who = by or _signed_in_as()
    raise typer.Exit(run(lambda desk: release.release(desk, who, _now(), discard=discard), settings))


@app.command("doctor", help=guide("doctor"), short_help=say("short", "doctor"))
def _doctor(
    only: Annotated[str, typer.Option(metavar="CHECK,…", help=say("options", "only"))] = "",
    as_me: Annotated[bool, typer.Option("--as-me", help=say("options", "as-me"))] = False,
    send: Annotated[bool, typer.Option("--send-test-card", help=say("options", "send-test-card"))] = False,
    as_json: Annotated[bool, typer.Option("--json", help=say("options", "doctor-json"))] = False,
    settings: Settings = None,
) -> None:
    try:
        # Graph and the watch's jobs take a second to load: only this command has a use for them.
        from admin.doctor.command import doctor

        code = doctor(settings, only=only, as_me=as_me, send=send, program=as_json)
    except KeyboardInterrupt:
        typer.echo(texts().text("doctor", "interrupted"), err=True)
        code = INTERRUPTED
    raise typer.Exit(code)


def _signed_in_as() -> str:
    """Whoever is at this shell; empty where the machine does not know."""
    try:
        return getpass.getuser()
    except OSError:
        return ""
