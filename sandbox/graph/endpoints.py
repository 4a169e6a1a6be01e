"""How the service treats a slow endpoint: it delays what is new, or drops it (graph.md §3.2). Pure.

The state belongs to a host, over all subscriptions and lifecycle notifications that go there.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from sandbox.graph.rates import Rates

Mode = Literal["well", "slow", "drop", "probe"]


@dataclass(slots=True)
class _Host:
    mode: Mode = "well"
    until: float = 0.0
    admitted: int = 0
    probing: bool = False
    answers: deque[tuple[float, float]] = field(default_factory=deque)

    def share(self, seconds: float) -> float:
        """The share of the answers that took so long, or longer."""
        return sum(took >= seconds for _, took in self.answers) / len(self.answers) if self.answers else 0.0

    def enter(self, mode: Mode, until: float = 0.0) -> None:
        self.mode, self.until, self.admitted, self.probing = mode, until, 0, False
        self.answers.clear()


class Endpoints:
    """All hosts that notifications go to. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._hosts: dict[str, _Host] = {}

    @property
    def modes(self) -> dict[str, str]:
        """How each host is treated as of its last notification."""
        return {name: host.mode for name, host in self._hosts.items()}

    def admit(self, url: str, now: float, rates: Rates) -> Literal["now", "late", "never"]:
        """What becomes of a new notification: sent at once, after `slow_delay`, or dropped for good.

        Of a slow host a small sample goes at once; after the drop window one at a time does, as a probe.
        """
        host = self._host(url)
        if host.mode in ("slow", "drop") and now >= host.until:
            if host.mode == "drop":
                host.enter("probe")
            elif host.share(rates.first_timeout) > rates.slow_share:
                host.enter("slow", now + rates.delivery_window)
            else:
                host.enter("well")
        if host.mode == "drop" or (host.mode == "probe" and host.probing):
            return "never"
        host.probing = host.mode == "probe"
        host.admitted += 1
        sampled = host.admitted % rates.slow_sample == 1 % rates.slow_sample
        return "now" if host.mode != "slow" or sampled else "late"

    def answered(self, url: str, now: float, seconds: float, rates: Rates) -> None:
        """Take in how long an answer took; a time-out counts as its own length."""
        host = self._host(url)
        if host.mode == "probe":
            if seconds >= rates.retry_timeout:
                host.enter("drop", now + rates.delivery_window)
            else:
                host.enter("well")
            return
        host.answers.append((now, seconds))
        while host.answers[0][0] <= now - rates.delivery_window:
            host.answers.popleft()
        if len(host.answers) < rates.answers_to_judge or host.mode == "drop":
            return
        if host.share(rates.retry_timeout) > rates.drop_share:
            host.enter("drop", now + rates.delivery_window)
        elif host.mode == "well" and host.share(rates.first_timeout) > rates.slow_share:
            host.enter("slow", now + rates.delivery_window)

    def unreachable(self, url: str) -> None:
        """No answer at all, at once: no sign of slowness, but no good probe either."""
        self._host(url).probing = False

    def _host(self, url: str) -> _Host:
        return self._hosts.setdefault(urlsplit(url).netloc, _Host())
