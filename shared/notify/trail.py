"""The trail of the telling: what was sent, and why the rest was not, for whoever asks later. Pure.

One JSON object a line, ids only. A line is written when something happens, not at each look: a card is sent
or fails, a lasting reason begins or ends, what opened and closed untold cancels out.
"""

from datetime import datetime

import msgspec

from shared.model import Facts
from shared.notify.deciding.decide import Decision
from shared.notify.deciding.states import LASTING
from shared.notify.messages import Message
from shared.notify.saying.events import event_id
from shared.notify.table import Table


class TrailLine(Facts, frozen=True):
    """One line. `event`: `sent`, `failed`, `silent` (a lasting reason began; empty `reason`: it ended),
    `netted` (opened and closed untold), `discarded` (by an administrator's order).

    `message`: the id by which a webhook's receiver knows it, with its `route`, its `form` and the `findings`
    in it. `status`: how sending failed.
    """

    at: datetime
    event: str
    findings: tuple[str, ...] = ()
    reason: str = ""
    message: str = ""
    route: str = ""
    form: str = ""
    status: str = ""


def of_decision(table: Table, decision: Decision, at: datetime) -> tuple[Table, list[TrailLine]]:
    """What a decision leaves untold, as far as that is new; the table remembers it."""
    lines = [
        TrailLine(at=at, event=event, findings=findings)
        for event, findings in (("netted", decision.netted), ("discarded", decision.discarded))
        if findings
    ]
    silent = _lasting(decision)
    changed: dict[str, list[str]] = {}
    for finding, entry in table.entries.items():
        reason = silent.get(finding, "")
        if reason != entry.reason:
            changed.setdefault(reason, []).append(finding)
    entries = dict(table.entries)
    for reason, findings in sorted(changed.items()):
        lines.append(TrailLine(at=at, event="silent", reason=reason, findings=tuple(findings)))
        for finding in findings:
            entries[finding] = msgspec.structs.replace(entries[finding], reason=reason)
    return msgspec.structs.replace(table, entries=entries), lines


def _lasting(decision: Decision) -> dict[str, str]:
    """The findings that are silent for a reason that may last, with it; of several routes' the first."""
    found: dict[str, str] = {}
    for reasons in decision.standing.values():
        for finding, silence in reasons.items():
            if silence.reason in LASTING:
                found.setdefault(finding, str(silence))
    return found


def of_message(message: Message, at: datetime, status: str = "") -> TrailLine:
    """A message that was handed over, or with a status: that was not."""
    return TrailLine(
        at=at,
        event="failed" if status else "sent",
        findings=tuple(item.entry.id for item in message.items),
        message=event_id(message),
        route=message.route,
        form=message.form,
        status=status,
    )
