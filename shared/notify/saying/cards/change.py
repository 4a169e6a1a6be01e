"""The card of a change that somebody made, and of all that came of it."""

from shared.guids import GUID
from shared.notify.deciding.scene import RULES
from shared.notify.messages import Change, Message
from shared.notify.saying.cards.frame import Backdrop, Body, Line, block, heading, section
from shared.notify.saying.cards.many import news, standing
from shared.notify.saying.cards.parts import next_steps
from shared.notify.saying.wording import Wording
from shared.texts.plain import plain

SETTING_OF = {
    "edition": "POLICY_EDITION",
    "contested": "CONTESTED",
    "developer_skus": "DEVELOPER_SKUS",
    "scope": "SSPR_SCOPE",
    "scope_groups": "SSPR_SCOPE",
    "population": "POPULATION",
    "report_grace": "REPORT_GRACE",
    "report_max_age": "REPORT_MAX_AGE",
    "resource_accounts": "RESOURCE_ACCOUNTS",
    "emergency_group": "EMERGENCY_GROUP",
    "writeback": "PASSWORD_WRITEBACK",
    "synced_without_writeback": "SYNCED_WITHOUT_WRITEBACK",
    "internal_guests": "INTERNAL_GUESTS",
    "administrators": "ADMINISTRATORS",
    "ends_soon": "ENDS_SOON_DAYS",
    "seats_low": "SEATS_LOW",
}
"""The setting that a field of `Policy` is read from, by which people know it."""

IN_TITLE = 2
"""So many changed things the title names; more are counted."""

_VALUE = 200


def declared(message: Message, change: Change, wording: Wording, backdrop: Backdrop) -> Body:
    """Since your change of X: so many opened, so many were resolved."""
    text = wording.texts.text
    lines = [Line(heading(text("declared", "changed_by_hand")))]
    lines += [Line(block(one), 1) for one in _settings(change, wording)]
    lines += [Line(block(text("declared", "product", sku=wording.names.sku(sku))), 1) for sku in change.skus]
    lines.append(Line(block(text("declared", "noticed", at=wording.texts.moment(change.at)), subtle=True)))
    lines += news(message, wording)
    lines += next_steps(standing(message.items), wording, text("summary", "next"))
    lines += section(text("card", "why"), [text("declared", "why")])
    return Body(title=_title(change, wording), lines=tuple(lines), edition=backdrop.edition)


def _title(change: Change, wording: Wording) -> str:
    text, number = wording.texts.text, wording.texts.number
    counts = (("opened", change.opened), ("changed", change.changed), ("resolved", change.resolved))
    parts = ", ".join(text("declared", name, n=number(n)) for name, n in counts if n)
    parts = parts or text("declared", "none")
    names = list(dict.fromkeys(_setting(field) for field in change.settings if field != RULES))
    if change.settings and not names:
        return text("declared", "title_rules", parts=parts)
    if names:
        what = (
            wording.texts.text("format", "and", first=names[0], last=names[1])
            if len(names) == 2
            else names[0]
        )
        if len(names) > IN_TITLE:
            what = text("declared", "settings", n=number(len(names)))
        return text("declared", "title", what=what, parts=parts)
    if len(change.skus) == 1:
        sku = wording.names.sku(change.skus[0])
        return text("declared", "title_product", sku=sku, parts=parts)
    return text("declared", "title_products", n=number(len(change.skus)), parts=parts)


def _settings(change: Change, wording: Wording) -> list[str]:
    """A line for each setting: its name, the value before and after."""
    text = wording.texts.text
    return [
        text("declared", "new_rules")
        if field == RULES
        else text(
            "declared",
            "setting",
            name=_setting(field),
            before=_value(field, before, wording),
            after=_value(field, after, wording),
        )
        for field, (before, after) in change.settings.items()
    ]


def _setting(field: str) -> str:
    return plain(SETTING_OF.get(field, field))


def _value(field: str, value: str, wording: Wording) -> str:
    """As it is; an edition as the date of its page, groups by name, nothing as not set."""
    if field == "edition" and value:
        return wording.edition_day(value)
    if field in ("scope_groups", "emergency_group") and (ids := GUID.findall(value.lower())):
        return wording.value("groups", ids)
    return plain(value, _VALUE) or wording.texts.text("declared", "unset")
