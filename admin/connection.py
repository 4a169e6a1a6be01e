"""Running a command against the watch's storage account, and saying in one sentence what went wrong."""

import asyncio
import errno
import logging
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from admin.endings import DONE, INTERRUPTED, TROUBLE, WRONG, told, unheard
from admin.words import fault, said, say
from shared.ledger.ledger import Ledger
from shared.ledger.records import Manifest
from shared.ledger.shards import LedgerUnreadable
from shared.notify.exceptions.agreed import AgreedContended, AgreedUnreadable
from shared.notify.exceptions.proposals import Fault
from shared.notify.memory import TableUnreadable
from shared.rules.loader import Rules, load_rules
from shared.settings import SettingsError, StorageAccess
from shared.settings.access import storage_of
from shared.storage import NewerSchema, Storage
from shared.storage.codes import code

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.core.exceptions import AzureError

PATIENCE = 3.0
"""Seconds after which a command that still waits says so."""

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Of these a system call that writes is refused, and no other."""

_STORAGE_SCOPE = "https://storage.azure.com/.default"


class WrongInput(Exception):
    """What was asked for is wrong: nothing was done. `lines`: a sentence for each fault, with its remedy."""

    def __init__(self, *lines: str) -> None:
        super().__init__(*lines)
        self.lines = lines


class Desk:
    """What a command works with: the tenant, its storage, the rules."""

    def __init__(self, tenant_id: str, storage: Storage) -> None:
        self.tenant_id = tenant_id
        self.storage = storage
        self.rules: Rules = load_rules()

    async def manifest(self) -> Manifest | None:
        """The ledger's manifest; None where the watch has not begun one."""
        return await Ledger(self.storage, self.tenant_id, self.rules).manifest()


def wrong(*faults: Fault) -> WrongInput:
    """These faults in words."""
    return WrongInput(*(fault(one) for one in faults))


def run(work: Callable[[Desk], Awaitable[None]], settings: Path | None) -> int:
    """Do the work with storage connected; the exit code. What went wrong is on standard error."""
    try:
        access = storage_of(settings)
        asyncio.run(_connected(access, work))
        # What is still to be written may be refused: later nobody could say so.
        print(end="", flush=True)
    except SettingsError as problem:
        return told(WRONG, say("settings", n=len(problem.faults)), *problem.faults)
    except WrongInput as problem:
        return told(WRONG, *problem.lines)
    except NewerSchema as problem:
        return told(TROUBLE, newer(problem))
    except (AgreedUnreadable, LedgerUnreadable, TableUnreadable) as problem:
        return told(TROUBLE, say("trouble", "unreadable", problem=str(problem)))
    except KeyboardInterrupt:
        return told(INTERRUPTED, say("trouble", "interrupted"))
    except AgreedContended:
        return told(TROUBLE, say("trouble", "contended"))
    except BrokenPipeError:
        return unheard()
    except Exception as problem:
        if isinstance(problem, OSError) and (sentence := output_refused(problem)):
            return unheard(sentence)
        if isinstance(problem, OSError) and problem.filename:
            reason = problem.strerror or type(problem).__name__
            return told(TROUBLE, say("trouble", "file", file=str(problem.filename), problem=reason))
        if (refused := _of_azure(problem)) is None:
            raise
        return told(TROUBLE, refused)
    return DONE


def newer(problem: NewerSchema) -> str:
    """A sentence on a blob that a newer release has written."""
    return say("trouble", "newer", path=problem.path, found=problem.found, known=problem.known)


def output_refused(problem: OSError) -> str:
    """That standard output took no more, with the next step; empty where it was something else."""
    if problem.filename or problem.errno not in _NO_ROOM:
        return ""
    return said("snapshots", "trouble-output", problem=problem.strerror or type(problem).__name__)


async def _connected(access: StorageAccess, work: Callable[[Desk], Awaitable[None]]) -> None:
    # Our one sentence says what was refused; the client's own words would stand before it.
    for name in ("azure", "azure.identity"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    credential = None if access.storage.connection_string else await _signed_in(access.tenant_id)
    try:
        storage = Storage.connect(access.storage, credential)
    except ValueError:
        # Microsoft's client read the connection string; its words may quote the key.
        raise WrongInput(say("trouble", "connection-string")) from None
    waiting = asyncio.get_running_loop().call_later(PATIENCE, _say_that_it_takes_long)
    try:
        await work(Desk(access.tenant_id, storage))
    finally:
        waiting.cancel()
        await storage.close()


def _say_that_it_takes_long() -> None:
    """For whoever looks at a terminal: the client tries several times before it gives up."""
    if sys.stderr.isatty():
        print(say("trouble", "waiting"), file=sys.stderr, flush=True)


async def _signed_in(tenant_id: str) -> "AsyncTokenCredential":
    """Whoever is signed in with the Azure CLI: a shell has no managed identity.

    Asked for a token at once: the storage client would take a refusal for an outage and wait for its end.
    """
    from azure.identity.aio import AzureCliCredential

    credential = AzureCliCredential(tenant_id=tenant_id)
    await credential.get_token(_STORAGE_SCOPE)
    return credential


def _of_azure(problem: Exception) -> str | None:
    """What storage refused, as a sentence with the next step; None if it was not storage."""
    from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

    if not isinstance(problem, AzureError):
        return None
    if isinstance(problem, HttpResponseError) and problem.status_code:
        return _refused(problem.status_code, code(problem))
    if isinstance(problem, ClientAuthenticationError):
        return say("trouble", "signed-out")
    return _unreached(problem)


def _refused(status: int, word: str) -> str:
    if word == "ContainerNotFound":
        return say("trouble", "no-container")
    if status in (401, 403):
        return say("trouble", "forbidden", code=word or str(status))
    return say("trouble", "refused", code=word or str(status))


def _unreached(problem: "AzureError") -> str:
    return say("trouble", "unreached", problem=type(problem).__name__)
