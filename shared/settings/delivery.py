"""Which way Graph's notifications come: by calls to this app, or by an Event Grid partner topic.

Imports stay within the standard library and msgspec: this lies on the path of every notification (design §7).
"""

import msgspec

from shared.settings.faults import Problem, Remedy
from shared.settings.reader import MISSING, Reader
from shared.topic import FORM, NotTopic, Topic, read_topic

WEBHOOK, EVENT_GRID = "webhook", "eventgrid"

_REMEDY = Remedy("topic", {"form": FORM})


class DeliverySettings(msgspec.Struct, frozen=True, kw_only=True):
    """How Graph tells: `by` is `webhook` or `eventgrid`.

    `url` and `topic`: what Graph is told to send to with `eventgrid`, and the topic that it names. They may
    be set while `by` is `webhook`.
    """

    by: str = WEBHOOK
    url: str = ""
    topic: Topic | None = None

    @property
    def is_event_grid(self) -> bool:
        """Whether changes come by Event Grid."""
        return self.by == EVENT_GRID


def read_delivery(read: Reader) -> DeliverySettings:
    """How Graph tells.

    Faults go to `read`; a topic that is set and not used must be well formed all the same: whoever switches
    over is not to find out then.
    """
    by = read.choice("DELIVERY", WEBHOOK, WEBHOOK, EVENT_GRID)
    url = read.text("EVENTGRID_URL")
    topic = None
    if url:
        try:
            topic = read_topic(url)
            if " " in topic.region:
                # A region's display name, which Graph does not take.
                raise NotTopic(["location"])
        except NotTopic as fault:
            named = {"parts": ", ".join(fault.parts)}
            problem = Problem("topic-parts", named) if fault.parts else Problem("not-topic")
            read.fault("EVENTGRID_URL", problem, _REMEDY)
    elif by == EVENT_GRID:
        read.fault("EVENTGRID_URL", MISSING, _REMEDY)
    return DeliverySettings(by=by, url=url, topic=topic)
