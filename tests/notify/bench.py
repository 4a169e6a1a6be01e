"""A notifier on real storage, with Teams that collects its cards."""

import asyncio
from datetime import datetime
from typing import Any

import msgspec

from shared.ledger.ledger import Ledger
from shared.ledger.records import Posting, Sweep, TenantRecord
from shared.model import Finding
from shared.notify.delivering.routes import Delivered, Failed
from shared.notify.notifier import Notifier, Told
from shared.settings import Settings, load
from shared.storage import Storage
from tests.ledger.readings import START, TENANT_ID, after, reading
from tests.notify.card_samples import all_texts, schema_faults
from tests.notify.story import RULES

SETTINGS = load(
    {
        "TENANT_ID": TENANT_ID,
        "WATCH_STORAGE": "UseDevelopmentStorage=true",
        "NOTIFICATION_BASE_URL": "http://127.0.0.1:7071",
        "CLIENT_STATE": "c" * 40,
        "TEAMS_WORKFLOW_URL": "http://127.0.0.1:9/secret-of-the-webhook",
        "CONFIRM_AFTER": "15m",
        "GROUP_WAIT": "60s",
    }
    | dict.fromkeys(
        (
            "TELLING_SCHEDULE",
            "RECONCILE_SCHEDULE",
            "SUBSCRIPTIONS_SCHEDULE",
        ),
        "0 * * * * *",
    )
)


class Killed(BaseException):
    """The process ends here."""


class Teams:
    """Collects the titles of cards; `answer` is what it says, `dies` kills the process once a card is in."""

    def __init__(self) -> None:
        self.titles: list[str] = []
        self.payloads: list[dict[str, Any]] = []
        self.answer: Delivered | Failed = Delivered()
        self.dies = False
        self.asked = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def post(self, message_id: str, payload: dict[str, Any], now: datetime) -> Delivered | Failed:
        self.asked.set()
        await self.gate.wait()
        if isinstance(self.answer, Delivered):
            assert schema_faults(payload) == []
            self.payloads.append(payload)
            self.titles.append(payload["attachments"][0]["content"]["fallbackText"])
        if self.dies:
            raise Killed
        return self.answer

    async def close(self) -> None:
        """Nothing is open."""

    @property
    def text(self) -> str:
        return "\n".join(all_texts(self.payloads))


class Bench:
    """A tenant's ledger, its notifier, and Teams."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.ledger = Ledger(storage, TENANT_ID, RULES, now=lambda: after(0))
        self.teams = Teams()
        self.notifier = self.restarted()

    def restarted(self, settings: Settings = SETTINGS) -> Notifier:
        """A notifier that remembers nothing but what is in storage."""
        self.ledger = Ledger(self.storage, TENANT_ID, RULES, now=lambda: after(0))
        self.notifier = Notifier(
            self.storage,
            self.ledger,
            RULES,
            settings,
            open_route=lambda _: self.teams,
            sleep=lambda _: asyncio.sleep(0),
        )
        return self.notifier

    async def commits(self, user: int, *found: Finding, seen: float, name: str = "Ada Lovelace") -> None:
        """A reading of one user, in ledger and journal."""
        name_of = (await self.ledger.books())[1]
        one = reading(user, *found, seen=seen, name=name)
        outcome = await self.ledger.commit_users(name_of, [one], after(seen))
        assert not outcome.refused
        assert not outcome.superseded

    async def ends_baseline(self, seconds: float, **fields: Any) -> None:
        """The first complete reading ends at that second."""

        def change(record: TenantRecord) -> tuple[TenantRecord, tuple[Posting, ...]]:
            sweep = Sweep(id="s", started_at=START, users=2)
            values = {"sweep": sweep, "baseline_ended_at": after(seconds), **fields}
            return msgspec.structs.replace(record, **values), ()

        await self.ledger.commit_tenant(change, after(seconds))

    async def tells(self, seconds: float) -> Told:
        """One run."""
        return await self.notifier.tell(after(seconds))


async def one_user() -> int:
    return 1
