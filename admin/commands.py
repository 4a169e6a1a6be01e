"""The commands of `python -m admin`: binds options to what they do, and nothing more."""

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from admin import erase, exceptions, explain, release, replay, snapshots, whatif
from admin.connection import Desk, run
from admin.endings import INTERRUPTED, WRONG
from admin.saved import offline
from admin.words import guide, say, texts
from shared.whatif.changes import Asked

ORDER = (
    "audit",
    "explain",
    "what-if",
    "replay",
    "snapshot",
    "doctor",
    "exception",
    "release",
    "subscriptions",
    "erase",
)


class InOrder(TyperGroup):
    """Lists the commands by what people come for first, not by where they are bound."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, as the help shows them."""
        return sorted(super().list_commands(ctx), key=ORDER.index)


app = typer.Typer(
    cls=InOrder,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
exception = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
app.add_typer(
    exception, name="exception", help=guide("exception", "list"), short_help=say("short", "exception")
)
snapshot = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
app.add_typer(
    snapshot, name="snapshot", help=guide("snapshot", "snapshot-get"), short_help=say("short", "snapshot")
)

subscriptions = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
app.add_typer(
    subscriptions,
    name="subscriptions",
    help=guide("subscriptions", "subscriptions-show"),
    short_help=say("short", "subscriptions"),
)

Settings = Annotated[Path | None, typer.Option("--settings", metavar="FILE", help=say("options", "settings"))]


@app.callback(help=guide("app", "audit"))
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


@app.command("erase", help=guide("erase"), short_help=say("short", "erase"))
def _erase(
    who: Annotated[str, typer.Argument(metavar="ID", help=say("options", "erase-who"))],
    yes: Annotated[bool, typer.Option("--yes", help=say("options", "erase-yes"))] = False,
    settings: Settings = None,
) -> None:
    raise typer.Exit(run(lambda desk: erase.erase(desk, who, _now(), really=yes), settings))


@app.command("explain", help=guide("explain"), short_help=say("short", "explain"))
def _explain(
    user: Annotated[str, typer.Argument(metavar="USER", help=say("options", "explain-who"))],
    ledger: Annotated[bool, typer.Option("--ledger", help=say("options", "explain-ledger"))] = False,
    snapshot: Annotated[
        Path | None, typer.Option("--snapshot", metavar="FILE", help=say("options", "explain-snapshot"))
    ] = None,
    key: Annotated[Path | None, typer.Option(metavar="FILE", help=say("options", "explain-key"))] = None,
    device_code: Annotated[bool, typer.Option("--device-code", help=say("options", "explain-code"))] = False,
    as_json: Annotated[bool, typer.Option("--json", help=say("options", "json"))] = False,
    settings: Settings = None,
) -> None:
    asked = explain.Asked(
        user=user,
        ledger=ledger,
        snapshot=snapshot,
        key=key,
        device_code=device_code,
        as_json=as_json,
        settings=settings,
    )
    raise typer.Exit(explain.explain(asked))


@app.command("replay", help=guide("replay"), short_help=say("short", "replay"))
def _replay(
    what: Annotated[
        Path | None, typer.Argument(metavar="SNAPSHOT", help=say("options", "replay-what"))
    ] = None,
    day: Annotated[str, typer.Option("--date", metavar="DAY", help=say("options", "replay-date"))] = "",
    edition: Annotated[str, typer.Option(metavar="DATE", help=say("options", "replay-edition"))] = "",
    first: Annotated[int, typer.Option(min=0, metavar="N", help=say("options", "replay-first"))] = 10,
    as_json: Annotated[bool, typer.Option("--json", help=say("options", "json"))] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help=say("options", "csv"))] = False,
    settings: Settings = None,
) -> None:
    if as_json and as_csv:
        typer.echo(say("faults", "two-forms"), err=True)
        raise typer.Exit(WRONG)
    form = replay.JSON if as_json else replay.CSV if as_csv else replay.TEXT
    asked = replay.Asked(path=what, day=day, edition=edition, form=form, first=first, settings=settings)
    raise typer.Exit(replay.judge_again(asked))


@app.command("what-if", help=guide("what-if"), short_help=say("short", "what-if"))
def _what_if(
    snapshot: Annotated[Path, typer.Argument(metavar="SNAPSHOT", help=say("options", "snapshot"))],
    writeback: Annotated[
        str, typer.Option(metavar="on|off|unknown", help=say("options", "what-if-writeback"))
    ] = "",
    scope: Annotated[str, typer.Option(metavar="all|groups:ID,…", help=say("options", "what-if-scope"))] = "",
    edition: Annotated[str, typer.Option(metavar="DATE", help=say("options", "what-if-edition"))] = "",
    drop: Annotated[
        list[str] | None, typer.Option("--drop-sku", metavar="SKU", help=say("options", "what-if-drop"))
    ] = None,
    add: Annotated[
        list[str] | None, typer.Option("--add-seats", metavar="SKU=N", help=say("options", "what-if-add"))
    ] = None,
    move: Annotated[
        list[str] | None, typer.Option("--move-group", metavar="A:B", help=say("options", "what-if-move"))
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help=say("options", "what-if-csv"))] = False,
    as_json: Annotated[bool, typer.Option("--json", help=say("options", "what-if-json"))] = False,
) -> None:
    asked = Asked(
        writeback=writeback,
        scope=scope,
        edition=edition,
        drop=tuple(drop or ()),
        add=tuple(add or ()),
        move=tuple(move or ()),
    )
    if as_json and as_csv:
        typer.echo(say("faults", "two-forms"), err=True)
        raise typer.Exit(WRONG)
    form = whatif.JSON if as_json else whatif.CSV if as_csv else whatif.TABLE
    raise typer.Exit(offline(lambda: whatif.show(snapshot, asked, form)))


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


@app.command("audit", help=guide("audit"), short_help=say("short", "audit"))
def _audit(
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help=say("options", "audit-out"))] = None,
    force: Annotated[bool, typer.Option("--force", help=say("options", "audit-force"))] = False,
    tenant: Annotated[str, typer.Option(metavar="ID|DOMAIN", help=say("options", "audit-tenant"))] = "",
    device_code: Annotated[
        bool, typer.Option("--device-code", help=say("options", "audit-device-code"))
    ] = False,
    edition: Annotated[str, typer.Option(metavar="DATE", help=say("options", "audit-edition"))] = "",
    writeback: Annotated[
        str, typer.Option(metavar="on|off|unknown", help=say("options", "audit-writeback"))
    ] = "",
    scope: Annotated[str, typer.Option(metavar="SCOPE", help=say("options", "audit-scope"))] = "",
    groups: Annotated[
        list[str] | None, typer.Option("--group", metavar="ID", help=say("options", "audit-group"))
    ] = None,
    pseudonymise: Annotated[
        Path | None, typer.Option(metavar="KEYFILE", help=say("options", "audit-pseudonymise"))
    ] = None,
    settings: Settings = None,
) -> None:
    # Reading Graph takes much to import, which no other command should wait for.
    from admin.audit.command import Options
    from admin.audit.command import run as audit

    typed = Options(
        out=out,
        force=force,
        tenant=tenant,
        device_code=device_code,
        edition=edition,
        writeback=writeback,
        scope=scope,
        groups=tuple(groups or ()),
        pseudonymise=pseudonymise,
        settings=settings,
    )
    raise typer.Exit(audit(typed))


@snapshot.command("list", help=guide("snapshot-list"), short_help=say("short", "snapshot-list"))
def _snapshot_list(
    as_json: Annotated[bool, typer.Option("--json", help=say("options", "snapshot-json"))] = False,
    settings: Settings = None,
) -> None:
    raise typer.Exit(run(lambda desk: snapshots.show(desk, as_json=as_json), settings))


@snapshot.command("get", help=guide("snapshot-get"), short_help=say("short", "snapshot-get"))
def _snapshot_get(
    date: Annotated[str, typer.Argument(metavar="DATE", help=say("options", "snapshot-date"))],
    out: Annotated[Path, typer.Option(metavar="FILE", help=say("options", "snapshot-out"))],
    pseudonymise: Annotated[
        Path | None, typer.Option(metavar="KEYFILE", help=say("options", "snapshot-pseudonymise"))
    ] = None,
    settings: Settings = None,
) -> None:
    raise typer.Exit(run(lambda desk: snapshots.get(desk, date, out, pseudonymise), settings))


Wait = Annotated[int, typer.Option("--wait", min=1, metavar="SECONDS", help=say("options", "wait"))]


@subscriptions.command(
    "show", help=guide("subscriptions-show"), short_help=say("short", "subscriptions-show")
)
def _subscriptions_show(settings: Settings = None) -> None:
    # The watch's jobs, which know what is remembered, take a second to load.
    from admin.subscriptions import command

    raise typer.Exit(command.show(settings))


@subscriptions.command(
    "create", help=guide("subscriptions-create"), short_help=say("short", "subscriptions-create")
)
def _subscriptions_create(wait: Wait = 300, settings: Settings = None) -> None:
    from admin.subscriptions import command

    raise typer.Exit(command.order("create", wait, settings))


@subscriptions.command(
    "delete", help=guide("subscriptions-delete"), short_help=say("short", "subscriptions-delete")
)
def _subscriptions_delete(wait: Wait = 300, settings: Settings = None) -> None:
    from admin.subscriptions import command

    raise typer.Exit(command.order("delete", wait, settings))


def _signed_in_as() -> str:
    """Whoever is at this shell; empty where the machine does not know."""
    try:
        return getpass.getuser()
    except OSError:
        return ""
