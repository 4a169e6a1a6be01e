"""The storage account: does it answer, can it be written, is everything there, what lies in its queues."""

import asyncio
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
)

from admin.doctor.lights import Said, Values
from admin.doctor.room import Room
from admin.sign_in import azure_cli
from shared.settings import StorageAccess
from shared.storage import Container, Storage
from shared.storage.account import QUEUES
from shared.storage.codes import code

ANSWERS_WITHIN = 12.0
"""Seconds; the client tries several times by itself."""
CLI_SECONDS = 10
"""Of these, for a token of the Azure CLI."""
MANY = 1_000
"""So many messages wait only where nobody takes them, or while very much changes."""
WAITING, STUCK = timedelta(minutes=30), timedelta(hours=6)
POISON_OLD = timedelta(hours=2)
"""Delta takes up what was put aside every quarter of an hour, three times at most."""
TEST_BLOB = "doctor-"
"""How the test blob's name begins; the rest is drawn. It lies beside all folders: nothing reads it."""

_SCOPE = "https://storage.azure.com/.default"


async def storage(room: Room) -> Sequence[Said]:
    """Connect and ask for something; nothing is made."""
    if room.access is None:
        return [Said("no-settings")]
    person = not room.access.storage.connection_string
    try:
        async with asyncio.timeout(ANSWERS_WITHIN):
            connected = await _connected(room, room.access)
            room.storage = connected
            await connected.absent()
    except ClientAuthenticationError as problem:
        # Also of the service itself, which answers a wrong key so.
        return [Said("refused", {"code": code(problem)}) if problem.status_code else Said("signed-out")]
    except HttpResponseError as problem:
        return [Said("refused", {"code": code(problem) or str(problem.status_code)})]
    except ValueError:
        # Microsoft's client read the connection string; its words may quote the key.
        return [Said("unusable")]
    except (AzureError, TimeoutError) as problem:
        return [Said("unreached", {"problem": type(problem).__name__})]
    return [Said("ok-person" if person else "ok")]


async def _connected(room: Room, access: StorageAccess) -> Storage:
    credential: AsyncTokenCredential | None = None
    if not access.storage.connection_string:
        credential = azure_cli(access.tenant_id, CLI_SECONDS)
        room.credentials.append(credential)
        await credential.get_token(_SCOPE)
    return Storage.connect(access.storage, credential)


async def writing(room: Room) -> Sequence[Said]:
    """Write, read and delete a blob of our own, where the watch writes; the journal gets none, as others
    may wait there for whatever comes."""
    said = []
    containers = {"ledger": room.storage.ledger, "evidence": room.storage.evidence}
    for name, container in containers.items():
        try:
            await _written(container)
        except HttpResponseError as problem:
            word = code(problem) or str(problem.status_code)
            said.append(Said("refused", {"container": name, "code": word}))
    return said or [Said("ok")]


async def _written(container: Container) -> None:
    name = f"{TEST_BLOB}{secrets.token_hex(8)}"
    try:
        # Also one whose answer got lost may be there.
        await container.create(name, b"a test of python -m admin doctor", gzip=False)
        await container.read(name)
    finally:
        await container.delete(name)


async def places(room: Room) -> Sequence[Said]:
    """The containers and queues that the app makes when it starts."""
    missing = await room.storage.absent()
    return [Said("missing", {"names": ", ".join(missing)})] if missing else [Said("ok")]


async def queues(room: Room) -> Sequence[Said]:
    """How much waits, and for how long."""
    said, total = [], 0
    for name in QUEUES:
        n, oldest = await _length(room.storage, name)
        total += n
        age = room.now - oldest if oldest else timedelta(0)
        if age > WAITING or n > MANY:
            values: Values = {"n": n, "queue": name, "since": _stamp(oldest)}
            said.append(Said("stuck" if age > STUCK else "waiting", values))
    return said or [Said("ok", {"n": total})]


async def poison(room: Room) -> Sequence[Said]:
    """What failed again and again and was put aside."""
    said = []
    for name in (f"{one}-poison" for one in QUEUES):
        n, oldest = await _length(room.storage, name)
        if n:
            old = oldest is not None and room.now - oldest > POISON_OLD
            values: Values = {"n": n, "queue": name, "since": _stamp(oldest)}
            said.append(Said("old" if old else "some", values))
    return said or [Said("ok")]


async def _length(storage: Storage, name: str) -> tuple[int, datetime | None]:
    """How many messages, and since when the first of them waits; a queue that is not there has none."""
    queue = storage.queue(name)
    try:
        return await queue.length(), await queue.oldest()
    except ResourceNotFoundError:
        return 0, None


def _stamp(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else "?"
