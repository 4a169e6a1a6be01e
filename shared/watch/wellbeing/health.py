"""How the watch itself is: what is late, was put aside or not handed over, and how far each job is."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from azure.core.exceptions import AzureError

from shared.graph.errors import Forbidden, GraphError
from shared.graph.permissions import table
from shared.ledger.shards import LedgerUnreadable
from shared.model import Evidence
from shared.notify.exceptions.agreed import AgreedUnreadable
from shared.notify.memory import TableUnreadable
from shared.storage import NewerSchema
from shared.texts.catalogue import Catalogue, catalogue
from shared.watch import unwell
from shared.watch.fault_codes import OVERDUE
from shared.watch.parts import Watch
from shared.watch.reach import registration
from shared.watch.users.poison import QUEUES
from shared.watch.wellbeing import health_lines as lines
from shared.watch.wellbeing import self_watch
from shared.watch.wellbeing.overdue import overdue


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen; `problems` are sentences for an administrator, `notes` what is worth knowing and none.

    Ids only. `previous_secret`: whether CLIENT_STATE_PREVIOUS is needed still. `owed`: what must be judged
    again because facts of the tenant changed: SKU ids, `*` for everybody.
    """

    at: datetime
    status: str
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()
    baseline_ended_at: datetime | None = None
    users: int = 0
    facts_generation: int = 0
    facts_read_at: datetime | None = None
    evidence: Mapping[str, Evidence] = {}
    owed: tuple[str, ...] = ()
    sweep: Mapping[str, Any] = {}
    delta: Mapping[str, Any] = {}
    registration: Mapping[str, Any] = {}
    queues: Mapping[str, int] = {}
    poison: Mapping[str, int] = {}
    subscriptions: Mapping[str, Any] = {}
    previous_secret: str = ""
    calls: Mapping[str, Any] = {}
    telling: Mapping[str, Any] = {}

    def detail(self) -> dict[str, Any]:
        """As JSON values."""
        built: dict[str, Any] = msgspec.to_builtins(self)
        return built


async def look(watch: Watch, texts: Catalogue | None = None) -> Health:
    """Look at ledger, queues, subscriptions, notifier. What can't be looked at is a problem, not an error.

    `texts`: in whose words, else the watch's own. Where there is a ledger nothing is made; else it is begun.
    """
    texts = texts or catalogue(watch.settings.telling.language)
    try:
        if not await watch.found():
            await watch.ready()
        return await _look(watch, texts)
    except GraphError as fault:
        problem = texts.text("health", "tenant", fault=lines.graph_fault(fault, texts))
        if isinstance(fault, Forbidden):
            problem = f"{problem}; {lines.lacking('users', table().of_evidence()['users'][0], texts)}"
    except NewerSchema as fault:
        problem = texts.text("health", "newer", path=fault.path, found=fault.found, known=fault.known)
    except LedgerUnreadable as fault:
        problem = texts.text("health", "ledger", path=fault.path, reason=fault.reason)
    except TableUnreadable as fault:
        problem = texts.text("health", "table", path=fault.path, reason=fault.reason)
    except AgreedUnreadable as fault:
        problem = texts.text("health", "agreed", path=fault.path, reason=fault.reason)
    except AzureError as fault:
        # Its text may hold addresses; its kind is enough here, the log has the rest.
        problem = texts.text("health", "storage", kind=type(fault).__name__)
    return Health(at=watch.now(), status="unwell", problems=(problem,))


async def _look(watch: Watch, texts: Catalogue) -> Health:
    now, settings = watch.now(), watch.settings
    seen = await self_watch.see(watch, await self_watch.last_look(watch))
    record, kept, storage = seen.record, seen.kept, watch.storage
    queues = {
        "changed-users": await storage.changed_users.length(),
        "sweeps": await storage.sweeps.length(),
        "journal": await storage.journal.length(),
        "heard": await storage.heard.length(),
    }
    poison = {f"{name}-poison": await storage.poison(name).length() for name in QUEUES}
    telling = await watch.notifier.health(now, texts)
    # What was noted as overdue may be done by now, and what is overdue may not be noted yet.
    noted = {code: detail for code, detail in record.unwell.items() if code not in OVERDUE}
    problems = [
        *unwell.in_words({**noted, **overdue(seen, settings, now)}, texts),
        *lines.permission_problems(record, settings, texts),
        *lines.self_watch_problems(seen.last_look, now, texts),
        *telling.problems,
    ]
    facts = record.facts
    return Health(
        at=now,
        status="unwell" if problems else "ok" if record.baseline_ended_at else "starting",
        problems=tuple(problems),
        notes=(
            *lines.subscription_notes(kept, record, now, texts),
            *lines.other_notes(seen, poison, texts),
        ),
        baseline_ended_at=record.baseline_ended_at,
        users=record.totals.users if record.totals else 0,
        facts_generation=facts.generation if facts else 0,
        facts_read_at=facts.observed_at if facts else None,
        evidence=facts.evidence if facts else {},
        owed=record.owed,
        sweep=lines.sweep_shown(record.sweep),
        delta=lines.delta_shown(seen.delta),
        registration=lines.registration_shown(await registration.progress(watch), record, now),
        queues=queues,
        poison=poison,
        subscriptions=lines.subscriptions_shown(kept, settings),
        previous_secret=lines.previous_secret(settings, kept, seen.calls, now, texts),
        calls=lines.calls_shown(seen.calls),
        telling=telling.detail,
    )
