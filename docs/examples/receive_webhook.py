"""A receiver for the webhook of SSPR License Watch, in Python's standard library alone.

WEBHOOK_SECRET holds the secret of the route (whsec_...), while it is being changed two with a space between:
    python docs/examples/receive_webhook.py 8080
It checks each call, drops repeats and prints a line for each event: put your own work in `handle`. It listens
on this machine only and speaks http: leave https to what stands before it.
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
from collections.abc import Sequence
from email.message import Message
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

TOLERANCE_SECONDS = 5 * 60
LARGEST_BODY = 512 * 1024
REMEMBERED = 10_000


class Refused(Exception):
    """The call is not from the watch, or too old; the reason is for your log, not for the caller."""


def handle(event: dict[str, Any]) -> None:
    """Your work with an event that is genuine and new. Answered with 204 after it, so keep it short."""
    lines = [finding["line"] for finding in event["data"]["findings"]]
    print(event["timestamp"], event["type"], *lines, sep=" | ", flush=True)


def verified_id(headers: Message, body: bytes, secrets: Sequence[str], now: float) -> str:
    """The id of a genuine call. `body` as it was received, not read and written again. Raises Refused."""
    message_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    signatures = headers.get("webhook-signature", "").split()
    if not (message_id and signatures and timestamp.isascii() and timestamp.isdigit()):
        raise Refused("a header is missing")
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        raise Refused("the call is too old, or a clock is wrong")
    content = f"{message_id}.{timestamp}.".encode() + body
    for secret in secrets:
        key = base64.b64decode(secret.removeprefix("whsec_"))
        expected = b"v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256))
        for signature in signatures:
            if hmac.compare_digest(signature.encode(), expected):  # takes as long whatever differs
                return message_id
    raise Refused("no signature fits: another secret, or the body was changed")


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 to what it took or had before, 401 to what is not genuine, 500 where `handle` failed."""

    timeout = 15
    secrets: Sequence[str] = ()
    seen: dict[str, None]  # the ids of the last events, oldest first; keep them in a database of yours

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            self._answer(413)
            return
        body = self.rfile.read(int(length))
        try:
            message_id = verified_id(self.headers, body, self.secrets, time.time())
        except Refused as reason:
            print("refused:", reason, file=sys.stderr, flush=True)
            self._answer(401)
            return
        if message_id not in self.seen:
            try:
                handle(json.loads(body))
            except Exception as fault:
                print("failed:", fault, file=sys.stderr, flush=True)
                self._answer(500)  # the watch comes again with the same id
                return
            self._remember(message_id)
        self._answer(204)

    def _remember(self, message_id: str) -> None:
        self.seen[message_id] = None
        while len(self.seen) > REMEMBERED:
            del self.seen[next(iter(self.seen))]

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the address that was called may be a secret."""


def main() -> None:
    Receiver.secrets = os.environ.get("WEBHOOK_SECRET", "").split()
    Receiver.seen = {}
    if not Receiver.secrets:
        sys.exit("Set WEBHOOK_SECRET to the secret of the route.")
    # One call at a time, as the watch sends them: so no event is worked on twice at once.
    server = HTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 8080), Receiver)
    print(f"receiving at http://127.0.0.1:{server.server_port}/", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
