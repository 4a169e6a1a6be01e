"""Blobs and queues: a thin edge over Microsoft's storage clients.

Keeps what the watch relies on in one place: conditional writes told apart by what they mean, gzip by our own
hand, queue text as the Functions host writes it. The clients load on first use, never on import.
"""

from shared.settings import StorageSettings
from shared.storage.account import Storage
from shared.storage.blobs import (
    NOT_MODIFIED,
    Container,
    Lease,
    Listed,
    NotModified,
    Packed,
    Stale,
    Stored,
    pack,
)
from shared.storage.queues import Queue, Received

__all__ = [
    "NOT_MODIFIED",
    "Container",
    "Lease",
    "Listed",
    "NotModified",
    "Packed",
    "Queue",
    "Received",
    "Stale",
    "Storage",
    "StorageSettings",
    "Stored",
    "pack",
]
