"""Blobs by name, with conditional writes told apart by what they mean."""

import asyncio
import contextlib
import enum
import gzip as gzip_format
import time
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from shared.storage.codes import code

if TYPE_CHECKING:
    from azure.storage.blob.aio import BlobLeaseClient, ContainerClient

_GZIP_LEVEL = 3
"""The last of zlib's fast ones: a shard is a few percent larger than at 4, for two thirds of the time."""

_LEASE_SECONDS = (15, 60)
"""What the Blob service grants (Lease Blob, x-ms-lease-duration)."""


class NotModified(enum.Enum):
    """The type of `NOT_MODIFIED`."""

    TOKEN = 0


NOT_MODIFIED: Final = NotModified.TOKEN
"""What a conditional read answers where the reader's copy is still the present one."""


class Stale(Exception):
    """The blob changed since it was read: nothing was written. Read again and decide anew."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} changed since it was read")


class Stored(msgspec.Struct, frozen=True):
    """A blob as read: `data` is unpacked, `etag` is quoted as the service sends it."""

    data: bytes
    etag: str
    metadata: Mapping[str, str]


class Packed(msgspec.Struct, frozen=True):
    """What is to be written, packed by the writer: members of gzip, which joined end to end are gzip again
    (RFC 1952, 2.2)."""

    data: bytes


class Listed(msgspec.Struct, frozen=True):
    """A blob as listed, not read."""

    name: str
    etag: str
    metadata: Mapping[str, str]


def pack(data: bytes) -> bytes:
    """One member of gzip; the same bytes give the same."""
    return gzip_format.compress(data, _GZIP_LEVEL, mtime=0)


class Lease:
    """A lease on a blob, renewed in the background while its context lasts. True while surely held."""

    def __init__(self, client: "BlobLeaseClient", seconds: int) -> None:
        self._client = client
        self._seconds = seconds
        self._until = time.monotonic() + seconds

    def __bool__(self) -> bool:
        return time.monotonic() < self._until

    async def renew_forever(self) -> None:
        """Renew at a third of the term. Refused, the lease is lost; unanswered, it runs out in its time."""
        from azure.core.exceptions import AzureError, HttpResponseError

        while self:
            await asyncio.sleep(self._seconds / 3)
            asked_at = time.monotonic()
            try:
                await self._client.renew()
                self._until = asked_at + self._seconds
            except HttpResponseError as error:
                if (error.status_code or 0) < 500:
                    self._until = asked_at
            except AzureError:
                # The service was not reached; the lease may well still be ours.
                continue


class Container:
    """One container. Errors not named below are those of `azure.core.exceptions`, after all retries."""

    def __init__(self, client: "ContainerClient") -> None:
        self._client = client

    async def read(self, name: str) -> Stored | None:
        """The blob, or None if there is none."""
        found = await self._download(name)
        return None if isinstance(found, NotModified) else found

    async def read_unless(self, name: str, etag: str) -> Stored | NotModified | None:
        """The blob if it is not the one of that ETag any more; None if there is none."""
        from azure.core import MatchConditions

        return await self._download(name, etag=etag, match_condition=MatchConditions.IfModified)

    async def _download(self, name: str, **condition: Any) -> Stored | NotModified | None:
        from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

        try:
            # The client would unpack by itself, and fails at it where a blob comes in several ranges.
            answer = await self._client.get_blob_client(name).download_blob(decompress=False, **condition)
            data = await answer.readall()
        except ResourceModifiedError as error:
            # One class for "not modified" (304) and "condition not met" (412).
            if error.status_code == 304:
                return NOT_MODIFIED
            raise
        except ResourceNotFoundError as error:
            if code(error) == "BlobNotFound":
                return None
            raise
        properties = answer.properties
        if properties.content_settings.content_encoding == "gzip":
            data = gzip_format.decompress(data)
        return Stored(data, str(properties.etag), dict(properties.metadata or {}))

    async def create(
        self, name: str, data: bytes | Packed, metadata: Mapping[str, str] | None = None, *, gzip: bool = True
    ) -> str | None:
        """Write a blob that must not exist yet. Returns its ETag, or None where it exists already.

        None may also mean that this very write is in and its answer was lost: the client tries again itself.
        """
        from azure.core import MatchConditions
        from azure.core.exceptions import ResourceExistsError

        try:
            return await self._upload(name, data, metadata, gzip, match_condition=MatchConditions.IfMissing)
        except ResourceExistsError as error:
            if code(error) == "BlobAlreadyExists":
                return None
            raise

    async def replace(
        self,
        name: str,
        data: bytes | Packed,
        etag: str,
        metadata: Mapping[str, str] | None = None,
        *,
        gzip: bool = True,
    ) -> str:
        """Write over exactly the version with that ETag; returns the new one. Raises `Stale`.

        `Stale` may also mean that this very write is in and its answer was lost (see `create`).
        """
        from azure.core import MatchConditions
        from azure.core.exceptions import ResourceModifiedError

        condition = {"etag": etag, "match_condition": MatchConditions.IfNotModified}
        try:
            return await self._upload(name, data, metadata, gzip, **condition)
        except ResourceModifiedError:
            raise Stale(name) from None

    async def put(
        self, name: str, data: bytes, metadata: Mapping[str, str] | None = None, *, gzip: bool = True
    ) -> str:
        """Write whatever was there before; returns the ETag."""
        return await self._upload(name, data, metadata, gzip)

    async def _upload(
        self,
        name: str,
        data: bytes | Packed,
        metadata: Mapping[str, str] | None,
        gzip: bool,
        **condition: Any,
    ) -> str:
        from azure.storage.blob import ContentSettings

        kind = "application/x-ndjson" if name.endswith(".ndjson") else "application/json"
        gzip = gzip or isinstance(data, Packed)
        packed = data.data if isinstance(data, Packed) else pack(data) if gzip else data
        answer = await self._client.get_blob_client(name).upload_blob(
            packed,
            overwrite=True,
            metadata=dict(metadata or {}),
            content_settings=ContentSettings(content_type=kind, content_encoding="gzip" if gzip else None),
            **condition,
        )
        return str(answer["etag"])

    async def names(self, prefix: str) -> AsyncIterator[Listed]:
        """The blobs whose name starts so, in order of name, with their metadata."""
        async for blob in self._client.list_blobs(name_starts_with=prefix, include=["metadata"]):
            etag = str(blob.etag)
            # A listing leaves out the quotes that every other answer has.
            quoted = etag if etag.startswith('"') else f'"{etag}"'
            yield Listed(str(blob.name), quoted, dict(blob.metadata or {}))

    async def folders(self) -> AsyncIterator[str]:
        """What stands before the first slash of the blobs' names, each once, in order."""
        async for found in self._client.walk_blobs(delimiter="/"):
            if str(found.name).endswith("/"):
                yield str(found.name).removesuffix("/")

    async def delete(self, name: str) -> None:
        """Delete a blob; nothing happens if there is none."""
        from azure.core.exceptions import ResourceNotFoundError

        with contextlib.suppress(ResourceNotFoundError):
            await self._client.get_blob_client(name).delete_blob()

    @contextlib.asynccontextmanager
    async def lease(self, name: str, seconds: int) -> AsyncIterator[Lease | None]:
        """Hold the blob (created empty if need be) against all others; None where another holds it.

        The lease is renewed while the context lasts and given back at its end. After a crash it runs out
        within `seconds` (15 to 60). Raises ValueError for a term that the service does not grant.
        """
        if not _LEASE_SECONDS[0] <= seconds <= _LEASE_SECONDS[1]:
            raise ValueError(f"a lease lasts 15 to 60 seconds, not {seconds}")
        from azure.core.exceptions import AzureError

        client = await self._acquire(name, seconds)
        if client is None:
            yield None
            return
        lease = Lease(client, seconds)
        renewal = asyncio.create_task(lease.renew_forever())
        try:
            yield lease
        finally:
            renewal.cancel()
            await asyncio.gather(renewal, return_exceptions=True)
            with contextlib.suppress(AzureError):
                await client.release()

    async def _acquire(self, name: str, seconds: int) -> "BlobLeaseClient | None":
        from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

        blob = self._client.get_blob_client(name)
        try:
            try:
                return await blob.acquire_lease(seconds)
            except ResourceNotFoundError:
                await self.create(name, b"", gzip=False)
                return await blob.acquire_lease(seconds)
        except HttpResponseError as error:
            if code(error) == "LeaseAlreadyPresent":
                return None
            raise
