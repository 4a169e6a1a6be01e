"""What must hold between the ledger's steps, on storage in memory: two writers, lost answers, crashes."""

from collections.abc import Mapping

import msgspec
import pytest

from shared.ledger.journal import replay
from shared.ledger.ledger import Ledger
from shared.ledger.records import Posting, TenantRecord
from shared.rules.loader import load_rules
from shared.storage import Stale
from shared.storage.blobs import Packed
from tests.ledger.readings import CANNOT_WRITE_BACK, TENANT_ID, UNCOVERED, after, one_user, reading, user_id
from tests.oracle.memory_storage import MemoryAccount, MemoryContainer, MemoryQueue, MemoryStorage

SHARD = "0000"


class Crash(Exception):
    """The worker ends here."""


@pytest.fixture
def account() -> MemoryAccount:
    return MemoryAccount()


async def begun(account: MemoryAccount) -> tuple[Ledger, MemoryStorage]:
    """A worker of its own on the account."""
    storage = MemoryStorage(account)
    ledger = Ledger(storage, TENANT_ID, load_rules(), now=lambda: after(0))
    await ledger.manifest(one_user)
    return ledger, storage


async def numbers(ledger: Ledger, after_seq: int = 0) -> list[int]:
    return [seq async for seq, _ in ledger.read_journal(SHARD, after_seq)]


async def test_a_book_kept_since_another_wrote_it_costs_one_refused_write_and_loses_nothing(
    account: MemoryAccount,
) -> None:
    (one, storage), (other, _) = await begun(account), await begun(account)
    await one.commit_users(SHARD, [reading(1)], after(1))
    await other.commit_users(SHARD, [reading(2, UNCOVERED)], after(2))
    reads = []
    download = storage.ledger._download

    async def counted(name: str, **condition: object) -> object:
        reads.append(name)
        return await download(name, **condition)

    storage.ledger._download = counted  # type: ignore[assignment,method-assign]  # to see that it is read
    await one.commit_users(SHARD, [reading(3, UNCOVERED)], after(3))
    assert len(reads) == 1
    assert set((await other.read_shard(SHARD)).record.users) == {user_id(1), user_id(2), user_id(3)}


async def test_of_two_writers_at_once_neither_loses_what_the_other_wrote(account: MemoryAccount) -> None:
    (one, storage), (other, _) = await begun(account), await begun(account)
    await one.commit_users(SHARD, [reading(1)], after(1))
    one.forget()
    download = storage.ledger._download

    async def overtaken(name: str, **condition: object) -> object:
        found = await download(name, **condition)
        storage.ledger._download = download  # type: ignore[method-assign]  # once only
        await other.commit_users(SHARD, [reading(2, UNCOVERED)], after(2))
        return found

    storage.ledger._download = overtaken  # type: ignore[assignment,method-assign]  # between read and write
    await one.commit_users(SHARD, [reading(3, UNCOVERED)], after(3))
    assert set((await other.read_shard(SHARD)).record.users) == {user_id(1), user_id(2), user_id(3)}
    lines = [line async for _, some in other.read_journal(SHARD) for line in some]
    assert sorted(line.subject.id for line in replay(lines).values()) == [user_id(2), user_id(3)]


async def test_a_write_whose_answer_was_lost_is_in_once(account: MemoryAccount) -> None:
    ledger, storage = await begun(account)
    await ledger.commit_users(SHARD, [reading(1)], after(1))
    replace, lost = storage.ledger.replace, list[str]()

    async def losing(
        name: str,
        data: bytes | Packed,
        etag: str,
        metadata: Mapping[str, str] | None = None,
        *,
        gzip: bool = True,
    ) -> str:
        written = await replace(name, data, etag, metadata, gzip=gzip)
        if not lost:
            lost.append(name)
            raise Stale(name)
        return written

    storage.ledger.replace = losing  # type: ignore[method-assign]  # the answer gets lost, not the write
    outcome = await ledger.commit_users(SHARD, [reading(1, UNCOVERED, seen=1)], after(2))
    assert lost
    assert (outcome.committed, len(outcome.transitions)) == ((user_id(1),), 1)
    assert await numbers(ledger) == [1]
    lost.clear()

    def change(record: TenantRecord) -> tuple[TenantRecord, tuple[Posting, ...]]:
        return msgspec.structs.replace(record, owed=(*record.owed, "once")), ()

    await ledger.commit_tenant(change, after(3))
    assert (await ledger.commit_tenant(change, after(4))).owed == ("once", "once")
    assert lost


async def test_a_crash_before_the_journal_leaves_the_lines_to_whoever_comes_next(
    account: MemoryAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, _ = await begun(account)
    with monkeypatch.context() as patch:

        async def crash(self: MemoryContainer, name: str, *_: object, **given: object) -> str | None:
            if name.endswith(".ndjson"):
                raise Crash
            return self._store(name, *_)  # type: ignore[arg-type]  # name, data, metadata as they came

        patch.setattr(MemoryContainer, "create", crash)
        patch.setattr(MemoryContainer, "put", crash)
        with pytest.raises(Crash):
            await ledger.commit_users(SHARD, [reading(1, UNCOVERED)], after(1))
    next_one, storage = await begun(account)
    assert await next_one.drain() == (SHARD,)
    assert await numbers(next_one) == [1]
    assert [one.text for one in await storage.journal.receive()] == [SHARD]
    assert await next_one.drain() == ()


async def test_what_is_in_the_journal_is_never_written_over(
    account: MemoryAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, storage = await begun(account)
    with monkeypatch.context() as patch:

        async def crash(*_: object, **__: object) -> None:
            raise Crash

        patch.setattr(MemoryQueue, "send", crash)
        with pytest.raises(Crash):
            await ledger.commit_users(SHARD, [reading(1, UNCOVERED)], after(1))
    (path,) = [listed.name async for listed in storage.alerts.names("")]
    await storage.alerts.put(path, b"as somebody has read it")
    next_one, _ = await begun(account)
    assert await next_one.drain() == (SHARD,)
    found = await storage.alerts.read(path)
    assert found
    assert found.data == b"as somebody has read it"
    assert await storage.journal.length() == 1


async def test_the_journal_is_read_from_behind_what_was_read_last(account: MemoryAccount) -> None:
    ledger, _ = await begun(account)
    await ledger.commit_users(SHARD, [reading(1, UNCOVERED)], after(1))
    await ledger.commit_users(SHARD, [reading(1, CANNOT_WRITE_BACK, seen=1)], after(2))
    assert await numbers(ledger) == [1, 2]
    assert await numbers(ledger, 1) == [2]
    assert await numbers(ledger, 2) == []


async def test_of_several_stranded_entries_none_is_lost_and_they_come_in_order(
    account: MemoryAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, storage = await begun(account)
    with monkeypatch.context() as patch:

        async def stays(self: object, held: object, empty: object) -> object:
            return held

        patch.setattr("shared.ledger.outbox.Outbox.publish", stays)
        await ledger.commit_users(SHARD, [reading(1, UNCOVERED)], after(1))
        await ledger.commit_users(SHARD, [reading(2, UNCOVERED)], after(2))
    assert await ledger.drain() == (SHARD,)
    assert await numbers(ledger) == [1, 2]
    assert await storage.journal.length() == 1
