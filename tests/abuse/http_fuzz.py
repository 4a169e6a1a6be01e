"""Schemathesis at the running app, by docs/openapi.json: what fits the file and what doesn't."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.abuse.described import DOCUMENT, stated

CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]
"""Of each answer: status, content type and shape are those that the file states. Whether the app refuses what
doesn't fit the file is not asked: it reads less strictly than it writes."""

SLOWEST = 30.0
"""Seconds that an answer may take before the call counts as hanging."""


@dataclass
class Seen:
    """What one run saw: calls by route and status, seconds of the longest call."""

    statuses: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    longest: float = 0.0

    @property
    def calls(self) -> int:
        """How many calls were made."""
        return self.statuses.total()

    @property
    def by_status(self) -> dict[int, int]:
        """Calls by the status they got."""
        found: Counter[int] = Counter()
        for (_, _, status), n in self.statuses.items():
            found[status] += n
        return dict(sorted(found.items()))

    def unstated(self) -> list[tuple[str, str, int]]:
        """Statuses that the file doesn't state, and those of a fault that isn't storage's."""
        return sorted(
            seen
            for seen in self.statuses
            if seen[2] == 500 or seen[2] > 503 or seen[2] not in stated(seen[0], seen[1])
        )

    def fallen(self) -> list[tuple[str, str, int]]:
        """Answers of a fault, whatever the file states, for where storage is well and everybody was read; not
        those of `health`, which says so when the rest of the app does not run."""
        return sorted(seen for seen in self.statuses if seen[2] >= 500 and seen[1] != "/health")


def run(url: str, headers: Mapping[str, str], examples: int, seen: Seen, number: int = 1) -> None:
    """Call every route `examples` times as the file says and as often against it.

    Deterministic for a `number`. Raises what the first answer against the file raises, with the call that got
    it.
    """
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    with requests.Session() as session:
        session.trust_env = False
        for found in schema.get_all_operations():
            assert isinstance(found, Ok), found
            operation = found.ok()
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                if mode is GenerationMode.NEGATIVE and not (operation.query or operation.body):
                    continue
                _try(
                    operation.as_strategy(generation_mode=mode), url, headers, examples, session, seen, number
                )


def _try(
    cases: Any,
    url: str,
    headers: Mapping[str, str],
    examples: int,
    session: requests.Session,
    seen: Seen,
    number: int,
) -> None:
    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def each(case: Case[Any]) -> None:
        began = time.monotonic()
        answer = case.call(base_url=url, headers=dict(headers), session=session, timeout=SLOWEST)
        seen.longest = max(seen.longest, time.monotonic() - began)
        seen.statuses[case.method.upper(), case.path, answer.status_code] += 1
        case.validate_response(answer, checks=CHECKS, headers=dict(headers))

    each()
