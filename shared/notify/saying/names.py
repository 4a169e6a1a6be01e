"""What things are called on a card. Ledger and journal hold ids only; names are joined here, at display.

`TEAMS_NAMES` says how users appear: `full` (display name and sign-in name), `upn` (sign-in name), `hidden`
(object id).
Everything that leaves this module is harmless in Markdown (`shared/texts/plain.py`).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

from shared.model import SubjectType
from shared.texts.catalogue import Catalogue
from shared.texts.plain import plain

if TYPE_CHECKING:
    from shared.ledger.ledger import Ledger


class Person(msgspec.Struct, frozen=True):
    """A user's names as Graph has them; either may be empty."""

    name: str = ""
    upn: str = ""


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """Names by object id. `style` as `TEAMS_NAMES`; `product` names a SKU id.

    `members`: how many users there are in a group, where somebody counted; `everybody`: in the tenant.
    """

    texts: Catalogue
    style: str = "full"
    users: Mapping[str, Person] = {}
    groups: Mapping[str, str] = {}
    product: Callable[[str], str] = str
    tenant: str = ""
    members: Mapping[str, int] = {}
    everybody: int | None = None

    def user(self, user_id: str) -> str:
        """A user as `style` allows."""
        person = self.users.get(user_id)
        shown = ""
        if person is not None and self.style == "upn":
            shown = plain(person.upn)
        elif person is not None and self.style == "full":
            name, upn = plain(person.name), plain(person.upn)
            shown = f"{name} ({upn})" if name and upn and name != upn else name or upn
        return shown or self.texts.text("format", "unnamed_user", id=plain(user_id))

    def group(self, group_id: str) -> str:
        """A group's display name, or its id where it is not known."""
        shown = plain(self.groups.get(group_id, ""))
        return shown or self.texts.text("format", "unnamed_group", id=plain(group_id))

    def sku(self, sku_id: str) -> str:
        """A product's name for people, or its id."""
        return plain(self.product(sku_id)) or plain(sku_id)

    def subject(self, subject_type: str, subject_id: str) -> str:
        """Whom a finding is about."""
        if subject_type == SubjectType.USER:
            return self.user(subject_id)
        if subject_type == SubjectType.GROUP:
            return self.group(subject_id)
        name = plain(self.tenant)
        return (
            self.texts.text("format", "tenant_named", name=name)
            if name
            else self.texts.text("format", "tenant")
        )


async def people(ledger: "Ledger", user_ids: Iterable[str]) -> dict[str, Person]:
    """The names of these users as the ledger has them. One who is not there is left out."""
    records = await ledger.user_records(sorted(set(user_ids)))
    return {user_id: Person(record.name, record.upn) for user_id, record in records.items()}
