"""So many inputs, from a number, at the parsers of Graph's calls and Event Grid's events."""

import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.abuse import bodies, promises
from tests.abuse.bodies import GUESSES, SECRETS, TENANT, user_id

KINDS = (
    "Microsoft.Graph.UserUpdated",
    "microsoft.graph.subscriptionReauthorizationRequired",
    "x\n\x1b[31m",
    None,
    7,
)
_SHARE_OF_SHAPES = 5
"""One of so many inputs is made by hypothesis, which takes longer over each."""


@dataclass
class Tried:
    """What one run tried: inputs by what made them, what became of them, CPU seconds in all."""

    made_by: Counter[str] = field(default_factory=Counter)
    became: Counter[str] = field(default_factory=Counter)
    ids: int = 0
    cpu: float = 0.0

    @property
    def inputs(self) -> int:
        """How many."""
        return self.made_by.total()

    def add(self, maker: str, call: Any) -> None:
        """Note one."""
        self.made_by[maker] += 1
        if call is None:
            self.became["refused"] += 1
            return
        self.ids += len(call.user_ids) + len(call.group_ids)
        self.became["with something authentic" if call.counts["accepted"] else "nothing authentic"] += 1


def run(number: int, count: int) -> Tried:
    """Try `count` inputs. Raises `promises.Broken`, or what a parser raised, with the input."""
    tried, began = Tried(), time.process_time()
    shapes = count // _SHARE_OF_SHAPES
    events = count // 10
    for body in bodies.several(number, count - shapes - events):
        tried.add("bytes and odd shapes", _told(promises.heard, body))
    for n in range(events):
        rng = random.Random(number * 7_000_003 + n)
        data = _event_data(rng)
        tried.add("events of Event Grid", promises.event(rng.choice(KINDS), data))
    _shaped(number, shapes, tried)
    tried.cpu = time.process_time() - began
    return tried


def _told(check: Any, body: bytes) -> Any:
    try:
        return check(body)
    except Exception as fault:
        fault.add_note(f"the body was {body[:4000]!r}")
        raise


def _event_data(rng: random.Random) -> Any:
    """The data of an event: a notification, several, an envelope, or whatever JSON can hold."""
    items = bodies.real(rng)
    read: Any = json.loads(bodies.odd(rng).decode("utf-8", "replace"))
    return rng.choice(
        (items[0], items, {"value": items}, read, read.get("value") if isinstance(read, dict) else 0)
    )


def _shaped(number: int, count: int, tried: Tried) -> None:
    """Hypothesis: it looks for edges of text and structure that nobody thought of."""

    @seed(number)
    @settings(
        max_examples=max(count, 1),
        deadline=None,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    @given(items=st.lists(_ITEM, max_size=3), ascii_only=st.booleans())
    def each(items: list[Any], ascii_only: bool) -> None:
        text = json.dumps({"value": items}, ensure_ascii=ascii_only)
        tried.add("hypothesis", promises.heard(text.encode("utf-8", "surrogatepass")))

    each()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_KNOWN = st.sampled_from((*SECRETS, *GUESSES, TENANT, user_id(1), f"users/{user_id(1)}", "missed", "updated"))
_FIELD = _KNOWN | _JSON
_ITEM = (
    st.fixed_dictionaries(
        {},
        optional={
            "tenantId": st.just(TENANT) | _FIELD,
            "clientState": st.sampled_from(SECRETS) | _FIELD,
            "subscriptionId": _FIELD,
            "changeType": st.just("updated") | _FIELD,
            "lifecycleEvent": _FIELD,
            "resource": _FIELD,
            "resourceData": _FIELD
            | st.fixed_dictionaries(
                {}, optional={"id": _FIELD, "@odata.type": _FIELD, "members@delta": _JSON}
            ),
        },
    )
    | _JSON
)
