"""A known vulnerability is a fault; where nobody answers, nothing is said to be good."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest

from tools.supply.reports import Outcome, Report
from tools.supply.vulnerabilities import Accepted, check, load

TODAY = date(2026, 11, 23)
LOCK = "jinja2==3.1.6 --hash=sha256:" + "0" * 64 + "\nmsgspec==0.20.0 --hash=sha256:" + "1" * 64 + "\n"

Answer = Callable[[BaseHTTPRequestHandler, bytes], None]


@contextmanager
def osv(answer: Answer) -> Iterator[str]:
    """A stand-in for OSV on this machine; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answer(self, self.rfile.read(int(self.headers["Content-Length"])))

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1/query"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def say(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def answer_of(name: str, version: str) -> bytes:
    """What OSV answers of a package with one vulnerability."""
    found = {
        "id": "GHSA-xxxx-xxxx-xxxx",
        "summary": "made up",
        "modified": "2026-01-01T00:00:00Z",
        "published": "2026-01-01T00:00:00Z",
        "affected": [
            {
                "package": {"name": name, "ecosystem": "PyPI"},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": f"{version}.1"}]}],
                "versions": [version],
            }
        ],
    }
    return json.dumps({"vulns": [found]}).encode()


def one_is_vulnerable(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    asked = json.loads(body)
    name, version = asked["package"]["name"], asked["version"]
    say(handler, answer_of(name, version) if name == "jinja2" else b"{}")


def nothing_is_known(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    say(handler, b"{}")


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    file = tmp_path / "requirements.txt"
    file.write_text(LOCK)
    return file


def asked(lock: Path, service: str, accepted: dict[str, Accepted] | None = None, **given: float) -> Report:
    patience = given.get("patience", 60.0)
    return check(lock, accepted or {}, TODAY, service=service, patience=patience, silence=2)


def test_a_known_vulnerability_is_a_fault_and_says_where_it_is_mended(lock: Path) -> None:
    with osv(one_is_vulnerable) as service:
        said = asked(lock, service)
    assert said.outcome is Outcome.FAULT
    assert said.lines == ("jinja2 3.1.6: GHSA-xxxx-xxxx-xxxx, mended in 3.1.6.1",)


def test_one_that_was_looked_at_passes_until_its_day(lock: Path) -> None:
    with osv(one_is_vulnerable) as service:
        good = asked(lock, service, {"GHSA-xxxx-xxxx-xxxx": Accepted("Not reached.", TODAY)})
        late = asked(lock, service, {"GHSA-xxxx-xxxx-xxxx": Accepted("Not reached.", date(2026, 11, 22))})
    assert good.outcome is Outcome.GOOD
    assert late.outcome is Outcome.FAULT


def test_an_acceptance_that_no_package_needs_is_a_fault_once_all_were_asked_about(lock: Path) -> None:
    stale = {"GHSA-yyyy-yyyy-yyyy": Accepted("Not reached.", TODAY)}
    with osv(nothing_is_known) as service:
        said = asked(lock, service, stale)
    assert said.lines == ("GHSA-yyyy-yyyy-yyyy: accepted, and known of no package any more",)
    with osv(lambda handler, _: say(handler, b"", 503)) as service:
        assert asked(lock, service, stale).outcome is Outcome.NOT_CHECKED


def test_where_none_is_known_all_were_asked_about(lock: Path) -> None:
    with osv(nothing_is_known) as service:
        said = asked(lock, service)
    assert (said.outcome, said.summary) == (Outcome.GOOD, "2 Python packages, none known")


@pytest.mark.parametrize(("status", "body"), [(503, b"{}"), (200, b"<html>sign in</html>"), (404, b"")])
def test_an_answer_that_is_none_is_not_checked(lock: Path, status: int, body: bytes) -> None:
    with osv(lambda handler, _: say(handler, body, status)) as service:
        said = asked(lock, service)
    assert said.outcome is Outcome.NOT_CHECKED
    assert said.lines == ()


def test_a_service_that_is_not_there_is_not_checked(lock: Path) -> None:
    with osv(nothing_is_known) as service:
        pass
    said = asked(lock, service)
    assert said.outcome is Outcome.NOT_CHECKED
    assert said.summary == "pip-audit could not ask: ConnectionError"


def test_a_silent_service_is_not_checked_and_waited_for_only_so_long(lock: Path) -> None:
    over = Event()

    def silent(*_: object) -> None:
        over.wait(30)

    try:
        with osv(silent) as service:
            began = time.monotonic()
            said = asked(lock, service, patience=4.0)
            took = time.monotonic() - began
            over.set()
    finally:
        over.set()
    assert said.outcome is Outcome.NOT_CHECKED
    assert took < 15


def test_what_was_accepted_has_a_reason() -> None:
    assert all(one.reason.endswith(".") for one in load().values())
