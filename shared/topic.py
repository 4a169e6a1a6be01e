"""The Event Grid partner topic that Graph may send to instead of an address, as its `EventGrid:` URL names
it.

Standard library and msgspec only: the settings are read with every notification (design §7). (Azure Event
Grid: receive Microsoft Graph change events; Microsoft Graph: subscription resource type, notificationUrl.)
"""

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, urlsplit

import msgspec

from shared.guids import GUID

SCHEME = "eventgrid"
FORM = "EventGrid:?azuresubscriptionid=<id>&resourcegroup=<name>&partnertopic=<name>&location=<region>"
PARTS = ("azuresubscriptionid", "resourcegroup", "partnertopic", "location")

# Compiled when a topic is read: most installations have none, and all import this before their first answer.
_TOPIC = r"[A-Za-z0-9-]{3,50}"
_GROUP = r"[\w.()-]{0,89}[\w()-]"
_REGION = r"[A-Za-z][A-Za-z0-9 ]{1,49}"


class NotTopic(ValueError):
    """The text names no partner topic.

    `parts`: which of its parts are missing, unknown or wrong; none where it is not even of that form.
    """

    def __init__(self, parts: Iterable[str] = ()) -> None:
        self.parts = tuple(parts)
        super().__init__(", ".join(self.parts) or "not of the form")


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """A partner topic: a resource of a resource group, which Graph creates in the region that is given.

    Names as they were written, the Azure subscription's id in lower case; `same` says whether two are one.
    """

    subscription: str
    group: str
    name: str
    region: str

    def same(self, other: "Topic") -> bool:
        """Whether both name one resource: case counts for nothing, and the region is no part of the name."""
        return self.key == other.key

    @property
    def key(self) -> tuple[str, str, str]:
        """What identifies it."""
        return (self.subscription, self.group.lower(), self.name.lower())


def is_topic(url: str | None) -> bool:
    """Whether this is meant for Event Grid, well formed or not."""
    return (url or "").partition(":")[0].strip().lower() == SCHEME


def read_topic(url: str) -> Topic:
    """The topic that a URL names. Raises `NotTopic`."""
    try:
        split = urlsplit(url.strip())
        if split.scheme.lower() != SCHEME or split.netloc or split.path or split.fragment:
            raise NotTopic
        pairs = parse_qsl(split.query, keep_blank_values=True, strict_parsing=True)
    except NotTopic:
        raise
    except ValueError:
        raise NotTopic from None
    found: dict[str, str] = {}
    for name, value in pairs:
        if name.lower() in found:
            raise NotTopic([name.lower()])
        found[name.lower()] = value.strip()
    found |= {"azuresubscriptionid": found.get("azuresubscriptionid", "").lower()}
    forms: dict[str, str | re.Pattern[str]] = dict(zip(PARTS, (GUID, _GROUP, _TOPIC, _REGION), strict=True))
    wrong = [name for name, form in forms.items() if not re.fullmatch(form, found.get(name, ""))]
    if wrong or len(found) > len(forms):
        raise NotTopic([*wrong, *(name for name in found if name not in forms)])
    subscription, group, name, region = (found[part] for part in PARTS)
    return Topic(subscription=subscription, group=group, name=name, region=region)
