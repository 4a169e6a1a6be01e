"""HTTP as bytes: calls that no client library would make."""

import socket
from urllib.parse import urlsplit


def told(url: str, sent: bytes, seconds: float = 30.0) -> tuple[int, bytes]:
    """Status and all that came back to these bytes; (0, b"") where the host closed without a word."""
    place = urlsplit(url)
    with socket.create_connection((place.hostname or "", place.port or 80), timeout=seconds) as line:
        got = b""
        try:
            line.sendall(sent)
            while part := line.recv(1 << 16):
                got += part
        except ConnectionError:
            pass
    return (int(got.split(b" ", 2)[1]), got) if got.startswith(b"HTTP/1.") else (0, got)


def post(path: str, body: bytes, *headers: bytes, length: bool = True) -> bytes:
    """A POST with these headers; the connection is to be closed behind it."""
    lines = [f"POST {path} HTTP/1.1".encode(), b"Host: watch", b"Connection: close", *headers]
    if length:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def get(path: bytes, *headers: bytes) -> bytes:
    """A GET of this path, whatever is in it."""
    return b"\r\n".join(
        [b"GET " + path + b" HTTP/1.1", b"Host: watch", b"Connection: close", *headers, b"", b""]
    )
