"""Where the watch keeps what it knows: `WATCH_STORAGE`, as a connection string or as the identity's parts."""

from shared.settings.faults import Problem, Remedy
from shared.settings.parts import StorageSettings
from shared.settings.reader import MISSING, Reader


def read_storage(read: Reader, client_id: str) -> StorageSettings:
    """`WATCH_STORAGE`, as the host's connection of that name: a string, or the identity's parts."""
    connection = read.text("WATCH_STORAGE")
    blob, queue = read.text("WATCH_STORAGE__blobServiceUri"), read.text("WATCH_STORAGE__queueServiceUri")
    identity = read.text("WATCH_STORAGE__clientId", client_id)
    remedy = Remedy("storage", {"credential": "__credential=managedidentity", "client": "__clientId"})
    if connection and (blob or queue):
        read.fault("WATCH_STORAGE", Problem("two-storages"), Remedy("keep-one"))
    elif connection and "AccountName=" not in connection and "UseDevelopmentStorage=true" not in connection:
        read.fault("WATCH_STORAGE", Problem("not-connection"), remedy)
    elif not connection and not (blob and queue):
        read.fault("WATCH_STORAGE", MISSING, remedy)
    elif not connection and read.text("WATCH_STORAGE__credential", "managedidentity") != "managedidentity":
        read.fault("WATCH_STORAGE__credential", Problem("credential"), Remedy("credential"))
    if not connection and blob and queue:
        read.url("WATCH_STORAGE__blobServiceUri", Remedy("blob-address"))
        read.url("WATCH_STORAGE__queueServiceUri", Remedy("queue-address"))
    return StorageSettings(connection_string=connection, blob_uri=blob, queue_uri=queue, client_id=identity)
