"""What an audit found, in a few lines for whoever waited for it."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path

from admin.audit.folder import FILES
from admin.words import texts
from shared.audit.permissions import Need
from shared.model import EvidenceStatus, State
from shared.report.figures import Need as Seats
from shared.report.figures import Question, Report
from shared.report.questions import differ_from_states
from shared.report.views import RowView
from shared.texts.plain import one_line

FIRST = 10
"""So many users to act on are named."""

_ORDER = (State.COVERED, State.UNCOVERED, State.WRITEBACK_UNCOVERED, State.UNDETERMINED, State.NOT_IN_REACH)

_WELL = (State.COVERED, State.NOT_IN_REACH)


def lines(report: Report, rows: Sequence[RowView], lost: Iterable[Need], folder: Path) -> Iterator[str]:
    """The summary. `rows`: all rows of the report, the gravest first."""
    yield _say("head", tenant=_tenant(report), at=texts().moment(report.at), edition=_day(report.edition))
    yield ""
    for question in report.questions:
        yield _question(question)
    yield ""
    yield _say("users", users=_n(report.users), in_reach=_n(report.in_reach))
    for state in _ORDER:
        count = report.states.get(state, 0)
        if count:
            yield f"  {texts().text('states', state)}: {_n(count)}"
    if differ_from_states(report):
        titles = {code: texts().text("audit", "questions", code) for code in ("compliance", "writeback")}
        yield texts().text("report", "page", "apart", **titles)
    for other in report.disagreements:
        if other.users:
            yield _say("differ", n=_n(other.users), edition=_day(other.edition))
    for need in report.needs:
        yield _seats(need)
    yield from _to_act_on(rows)
    unread = list(_unread(report, lost))
    if unread:
        yield ""
        yield _say("unread")
        yield from (f"  {one}" for one in unread)
    yield ""
    yield _say("files", folder=one_line(str(folder), 1_000))
    for name in FILES:
        yield "  " + texts().text("audit", "files", name.replace(".", "-"), file=name)


def _tenant(report: Report) -> str:
    return f"{one_line(report.tenant_name)} ({report.tenant_id})" if report.tenant_name else report.tenant_id


def _question(question: Question) -> str:
    asked = texts().text("audit", "questions", question.code)
    answer = texts().text("audit", "answers", question.answer)
    if question.code == "function" or question.answer == "not-asked":
        return f"{asked} {answer}"
    counts = _say(
        "counts",
        covered=_n(question.covered),
        uncovered=_n(question.uncovered),
        undetermined=_n(question.undetermined),
    )
    return f"{asked} {answer} {counts}"


def _seats(need: Seats) -> str:
    return texts().text(
        "audit",
        "seats",
        need.tier,
        users=_n(need.users),
        free=_n(need.free),
        reclaimable=_n(need.reclaimable),
        buy=_n(need.buy),
    )


def _to_act_on(rows: Sequence[RowView]) -> Iterator[str]:
    """Who has a finding; on whom only the editions differ is counted above."""
    found = [row for row in rows if row.kinds]
    yield ""
    if not found:
        yield _say("nobody")
        return
    yield _say("act", n=_n(min(FIRST, len(found))), all=_n(len(found)))
    for row in found[:FIRST]:
        # Why somebody is covered is no reason to act.
        said = row.kinds_text if row.state in _WELL else row.cause_text
        why = f": {one_line(said)}" if said else ""
        yield f"  {one_line(row.upn or row.name or row.id)} ({one_line(row.state_text)}){why}"


def _unread(report: Report, lost: Iterable[Need]) -> Iterator[str]:
    """What was refused: when it was tried, or only later, as where a role ends in the midst of it."""
    for need in lost:
        yield f"{_lost(need.piece)} ({need.permission})"
    tried = {need.piece for need in lost}
    for name, evidence in report.evidence.items():
        if evidence.status is EvidenceStatus.NOT_PREMIUM:
            yield texts().find("audit", "not_premium", name) or _lost(name)
        elif evidence.status is EvidenceStatus.FORBIDDEN and name not in tried:
            yield f"{_lost(name)} ({evidence.permission})"


def _lost(piece: str) -> str:
    return texts().find("audit", "lost", piece) or texts().text("audit", "parts", piece)


def _day(edition: str) -> str:
    return texts().day(date.fromisoformat(edition))


def _n(value: int) -> str:
    return texts().number(value)


def _say(code: str, **values: str | int) -> str:
    return texts().text("audit", "summary", code, **values)
