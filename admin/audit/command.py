"""`admin audit`: sign in, ask what may be read, read, write four files, say what was found.

Exit codes: 0 written, 1 Graph or the disk failed, 2 what was asked for is wrong or a permission is missing,
130 interrupted. Whatever the end, there is a whole folder or none.
"""

import asyncio
import signal
from collections.abc import Iterable
from datetime import UTC
from pathlib import Path

import msgspec

from admin.audit import summary
from admin.audit.folder import Folder, ended_alike
from admin.audit.progress import Shown
from admin.audit.writing import write
from admin.connection import WrongInput
from admin.endings import DONE, INTERRUPTED, TROUBLE, WRONG, told
from admin.keys import KeyFile
from admin.sign_in import sign_in
from admin.words import language, say, texts
from shared.audit import permissions
from shared.audit.patience import Unfinished
from shared.audit.permissions import Granted, Need
from shared.audit.reading import Asked, Audited, read
from shared.graph.errors import GraphError, Throttled, Unauthorized
from shared.graph.session import GraphSession
from shared.guids import GUID
from shared.rules.loader import Rules, load_rules
from shared.settings import GraphSettings, SettingsError
from shared.settings.access import ReadingAccess, reading_of
from shared.texts.plain import one_line

_ROLE = "Global Reader"
_SETTINGS = {"edition": "POLICY_EDITION", "writeback": "PASSWORD_WRITEBACK", "scope": "SSPR_SCOPE"}
"""Options, each with the setting that it goes before."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What was typed."""

    out: Path | None = None
    force: bool = False
    tenant: str = ""
    device_code: bool = False
    edition: str = ""
    writeback: str = ""
    scope: str = ""
    groups: tuple[str, ...] = ()
    pseudonymise: Path | None = None
    settings: Path | None = None


class _Outcome(msgspec.Struct, frozen=True):
    """A tenant that was read, and what might be."""

    audited: Audited
    granted: Granted


def run(options: Options) -> int:
    """Do it; the exit code. What went wrong is on standard error, as a sentence."""
    try:
        with ended_alike():
            return _run(options)
    except KeyboardInterrupt:
        return told(INTERRUPTED, _say("interrupted"))
    except SettingsError as problem:
        return told(WRONG, say("settings", n=len(problem.faults)), *problem.faults)
    except WrongInput as problem:
        return told(WRONG, *problem.lines)
    except Unfinished as problem:
        part = texts().text("audit", "parts", problem.part)
        return told(TROUBLE, _say("unfinished", part=part, problem=_brief(problem.problem)))
    except Unauthorized as problem:
        return told(TROUBLE, _say("unauthorized", problem=_brief(problem)))
    except GraphError as problem:
        return told(TROUBLE, _say("graph", problem=_brief(problem)))
    except OSError as problem:
        return told(TROUBLE, _say("disk", problem=problem.strerror or type(problem).__name__))


def _run(options: Options) -> int:
    access = _access(options)
    groups = _group_ids(options.groups)
    key = KeyFile(options.pseudonymise) if options.pseudonymise else None
    asked = Asked(policy=access.policy, groups=groups, pseudonyms=key.pseudonyms if key else None)
    rules = load_rules()
    with Folder(options.out, force=options.force) as folder:
        read_whole = asyncio.run(_read(options, access, asked, rules, folder))
        written = write(folder.path, read_whole.audited, rules, pseudonymised=key is not None)
        # What is left takes no time: it is finished, not thrown away, and nobody is told otherwise.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        made = key.keep() if key else ""
        kept = folder.keep()
    for line in summary.lines(written.report, written.views, read_whole.granted.lost, kept):
        print(line)
    if made:
        print(made)
    return DONE


def _access(options: Options) -> ReadingAccess:
    """By the settings and the options that go before them. Raises `SettingsError`, options as typed."""
    given = {"edition": options.edition, "writeback": options.writeback, "scope": options.scope}
    chosen = {_SETTINGS[option]: value for option, value in given.items() if value}
    try:
        return reading_of(options.settings, chosen)
    except SettingsError as problem:
        typed = {_SETTINGS[option]: f"--{option}" for option, value in given.items() if value}
        found = (
            msgspec.structs.replace(one, setting=typed.get(one.setting, one.setting)) for one in problem.found
        )
        raise SettingsError(tuple(found), language()) from None


def _group_ids(given: Iterable[str]) -> tuple[str, ...]:
    ids = tuple(dict.fromkeys(one.strip().lower() for one in given))
    wrong = [one for one in ids if not GUID.fullmatch(one)]
    if wrong:
        raise WrongInput(*(_say("group-form", group=one_line(one)) for one in wrong))
    return ids


async def _read(
    options: Options, access: ReadingAccess, asked: Asked, rules: Rules, folder: Folder
) -> _Outcome:
    tenant = options.tenant or access.tenant_id
    nobody = GraphSettings(base_url=access.graph_url, tenant_id="")
    async with await sign_in(
        nobody.scope,
        device_code=options.device_code,
        tenant=tenant,
        audit_log=asked.policy.population == "used",
    ) as credential:
        with Shown() as shown:
            shown.begin("permissions")
            session = GraphSession(nobody, credential=credential)
            try:
                granted = await permissions.granted(session, asked.policy, asked.groups, shown)
            finally:
                await session.aclose()
            whose = _let_in(granted, tenant)
            settings = msgspec.structs.replace(nobody, tenant_id=whose)
            session = GraphSession(settings, credential=credential)
            try:
                domain = "" if asked.pseudonyms or not granted.whose else granted.whose.domain
                day = session.now().astimezone(UTC).date().isoformat()
                folder.expect(f"sspr-audit-{_plain(domain) or whose}-{day}")
                audited = await read(session, rules, asked, folder.path, shown)
            finally:
                await session.aclose()
    return _Outcome(audited, granted)


def _let_in(granted: Granted, tenant: str) -> str:
    """The tenant's id, where all that is needed may be read. Raises `WrongInput` with what lacks."""
    if granted.missing:
        lines = [_say("missing", n=len(granted.missing)), *map(_missing, granted.missing)]
        each = (name for need in granted.missing for name in need.permission.split(", "))
        least = ", ".join(sorted(set(each)))
        raise WrongInput(*lines, _say("missing-remedy", permissions=least, role=_ROLE))
    if granted.unknown:
        raise WrongInput(*(_say("no-group", group=one) for one in granted.unknown))
    whose = granted.whose
    if whose is None:
        raise WrongInput(_say("missing", n=0))
    if tenant and tenant.lower() not in {whose.tenant_id, *whose.domains}:
        raise WrongInput(_say("other-tenant", tenant=one_line(tenant), found=whose.tenant_id))
    return whose.tenant_id


def _missing(need: Need) -> str:
    what = texts().text("audit", "pieces", need.piece)
    where = f" {need.subject}" if need.subject else ""
    return f"  {need.permission}: {what}{where}"


def _plain(domain: str) -> str:
    """A domain as part of a file's name."""
    return "".join(sign for sign in domain if sign.isascii() and (sign.isalnum() or sign in ".-")).strip(".-")


def _brief(problem: GraphError) -> str:
    if isinstance(problem, Throttled):
        return _say("throttled", minutes=max(1, round(problem.retry_after / 60)))
    return problem.brief


def _say(code: str, **values: str | int) -> str:
    return texts().text("audit", "command", code, **values)
