"""Messages as Adaptive Cards 1.4 in the envelope of Teams Workflows. Pure: message and names in, a dict out.

`card` is the one entry point; each form has a module of its own. A card is never larger than `LIMIT`; what
had to go is counted in a line.
"""

from typing import Any

from shared.notify.exceptions.exemptions import Exemption
from shared.notify.messages import (
    BASELINE,
    HELD,
    REMINDER,
    RETURNED,
    SINGLE,
    Change,
    Digest,
    ManyExemptions,
    Mass,
    Message,
)
from shared.notify.saying.cards.change import SETTING_OF, declared
from shared.notify.saying.cards.digest import digest, names_of_digest
from shared.notify.saying.cards.exception import exception, exceptions, names_of_exceptions
from shared.notify.saying.cards.frame import LIMIT, Backdrop, Body, framed
from shared.notify.saying.cards.many import baseline, names_of_first, names_of_news, reminder, summary
from shared.notify.saying.cards.mass import held, released, returned
from shared.notify.saying.cards.parts import NAMED, STEPS
from shared.notify.saying.cards.single import names_of_single, single
from shared.notify.saying.wording import Wording

__all__ = ["LIMIT", "NAMED", "SETTING_OF", "STEPS", "Backdrop", "card", "users_named"]


def card(message: Message, wording: Wording, backdrop: Backdrop) -> dict[str, Any]:
    """The payload to post: at most `LIMIT` bytes as JSON."""
    return framed(_body(message, wording, backdrop), message, wording, backdrop)


def users_named(message: Message) -> frozenset[str]:
    """Ids of the users whose names the card can show."""
    if message.form == SINGLE:
        return names_of_single(message)
    if message.form in (BASELINE, REMINDER):
        return names_of_first(message)
    match message.about:
        case Exemption() | ManyExemptions():
            return names_of_exceptions(message)
        case Digest():
            return names_of_digest(message.about)
        case _:
            return names_of_news(message)


def _body(message: Message, wording: Wording, backdrop: Backdrop) -> Body:
    match message.about:
        case Mass() if message.form == HELD:
            return held(message.about, wording)
        case Mass() if message.form == RETURNED:
            return returned(message.about, wording)
        case Mass():
            return released(message, message.about, wording, backdrop)
        case Change():
            return declared(message, message.about, wording, backdrop)
        case Exemption():
            return exception(message, message.about, wording, backdrop)
        case ManyExemptions():
            return exceptions(message, message.about, wording)
        case Digest():
            return digest(message.about, wording, backdrop)
    if message.form == SINGLE:
        return single(message, wording, backdrop)
    if message.form == BASELINE:
        return baseline(message, wording, backdrop)
    if message.form == REMINDER:
        return reminder(message, wording, backdrop)
    return summary(message, wording, backdrop)
