"""The page over HTTP, from a server on this machine, with rows and histories as the watch's own routes."""

import http.server
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import parse_qsl, urlsplit

import msgspec

from sandbox.sample_report import report, rows
from shared.report.page import MOST_INLINED, as_page
from shared.report.rows import find, query_of
from shared.report.views import Views
from shared.texts.catalogue import catalogue

EPISODES = [
    {
        "kind": "coverage",
        "state": "uncovered",
        "severity": "high",
        "rule": "S5",
        "text": "not covered <b>",
        "cause_text": "no licence is held",
        "from": "2026-10-02T08:00:00Z",
        "to": "2026-10-09T08:00:00Z",
        "ended_text": "A licence for it is in place.",
        "first_reading": False,
    }
]


class Server:
    """`url`; `asked`: paths with their parameters; `failing`: whether rows and users are refused now."""

    def __init__(self, n: int) -> None:
        self.report, self.rows = report(users=max(100_000, n), to_act_on=n), tuple(rows(n))
        self.asked: list[tuple[str, Mapping[str, str]]] = []
        self.failing = False
        self.url = ""

    def answer(self, path: str, params: Mapping[str, str]) -> tuple[int, str, bytes, str]:
        """Status, type, body and policy."""
        texts = catalogue(params.get("language", "en"))
        views = Views(self.report, texts)
        if path == "/report":
            made = as_page(
                self.report,
                tuple(views.rows(self.rows[:MOST_INLINED])),
                len(self.rows),
                texts,
                states={row.state for row in self.rows},
                rows_url=f"report/rows?language={texts.language}",
                user_url="report/user",
                csv_url="report.csv",
                json_url="report.json",
            )
            return 200, "text/html; charset=utf-8", made.html.encode(), made.csp
        if self.failing:
            return 503, "text/plain", b"not now", ""
        if path == "/report/rows":
            found = find(self.rows, query_of(params))
            told = {"total": found.total, "rows": list(views.rows(found.rows))}
            return 200, "application/json", msgspec.json.encode(told), ""
        if path == "/report/user":
            return 200, "application/json", msgspec.json.encode({"episodes": EPISODES, "whole": True}), ""
        return 404, "text/plain", b"", ""


@contextmanager
def served(n: int) -> Iterator[Server]:
    """A server of a report with n users to act on, while the context lasts."""
    behind = Server(n)

    class Door(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            params = dict(parse_qsl(parts.query))
            behind.asked.append((parts.path, params))
            status, kind, body, policy = behind.answer(parts.path, params)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            if policy:
                self.send_header("Content-Security-Policy", policy)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: what is asked is kept in `asked`."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        behind.url = f"http://127.0.0.1:{server.server_port}"
        yield behind
        server.shutdown()
