"""Whether the storage that is asked is the watch's storage of this tenant."""

from admin.connection import Desk, wrong
from shared.ledger.manifest import manifest_path
from shared.notify.exceptions.proposals import Fault

_SHOWN = 3
"""Ids of other tenants in one sentence."""


async def expect(desk: Desk, *, may_begin: bool) -> bool:
    """Whether the watch has begun this tenant's ledger. Raises `WrongInput` where the answer would mislead.

    With another tenant's id everything would look as if nothing were agreed or held. `may_begin`: a
    storage without any ledger is well, as before the first reading; one with ledgers of others never is.
    """
    if await desk.manifest() is not None:
        return True
    if others := await _others(desk):
        shown = ", ".join(others[:_SHOWN]) + (", …" if len(others) > _SHOWN else "")
        raise wrong(Fault("other-ledger", {"tenant": desk.tenant_id, "others": shown}))
    if not may_begin:
        raise wrong(Fault("no-ledger", {"tenant": desk.tenant_id}))
    return False


async def _others(desk: Desk) -> list[str]:
    """The tenants whose ledgers are there."""
    return [
        tenant_id
        async for tenant_id in desk.storage.ledger.folders()
        if await desk.storage.ledger.read(manifest_path(tenant_id)) is not None
    ]
