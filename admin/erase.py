"""`python -m admin erase`: the name of somebody who is gone, out of all that is kept (docs/privacy.md)."""

from datetime import datetime

from admin.connection import Desk, wrong
from admin.tenants import expect
from admin.words import say
from shared.archive import erasing
from shared.guids import as_guid
from shared.ledger.ledger import Ledger
from shared.notify.exceptions import agreed
from shared.notify.exceptions.proposals import Fault


async def erase(desk: Desk, who: str, now: datetime, *, really: bool) -> None:
    """Say where the name stands, and with `really` take it out; each step can be repeated.

    Raises `WrongInput` for what is no object id, and for a user who is in the directory as last read: the
    next reading would bring the name back.
    """
    user_id = as_guid(who)
    if user_id is None:
        raise wrong(Fault("no-object-id"))
    await expect(desk, may_begin=False)
    ledger = Ledger(desk.storage, desk.tenant_id, desk.rules)
    record = (await ledger.user_records([user_id])).get(user_id)
    if record is not None and record.gone_at is None:
        raise wrong(Fault("still-there", {"id": user_id}))
    done = "done" if really else "would"
    found = 0
    # Snapshots first: they are the most, and where storage refuses one, exceptions and ledger are as before.
    async for part in erasing.parts_naming(desk.storage.evidence, desk.tenant_id, user_id):
        if really:
            await erasing.rewrite(desk.storage.evidence, part)
        found += 1
        print(say("erased", f"snapshot-{done}", day=part.day))
    for exemption in await agreed.about(desk.storage.ledger, desk.tenant_id, user_id):
        found += 1
        print(say("erased", f"exception-{done}", id=exemption.id))
    if really:
        await agreed.forget(desk.storage.ledger, desk.tenant_id, user_id, now)
    if record is not None and (record.upn or record.name):
        if really:
            await ledger.forget_names(user_id, now)
        found += 1
        print(say("erased", f"ledger-{done}"))
    if not found:
        print(say("erased", "nothing", id=user_id))
    elif not really:
        print(say("erased", "how"))
