"""Prints what is open now: replay_journal.py <tenant id>, with a connection string in WATCH_STORAGE."""

import json
import os
import sys

from azure.core.exceptions import AzureError
from azure.storage.blob import ContainerClient

if len(sys.argv) != 2 or not os.environ.get("WATCH_STORAGE"):
    sys.exit("Give the tenant id, and put the storage account's connection string into WATCH_STORAGE.")
latest: dict[str, dict[str, object]] = {}
try:
    alerts = ContainerClient.from_connection_string(os.environ["WATCH_STORAGE"], "alerts", retry_total=1)
    epoch = max(folder.name for folder in alerts.walk_blobs(f"{sys.argv[1]}/"))
    for name in alerts.list_blob_names(name_starts_with=epoch):  # in order of name: book by book, by number
        for row in alerts.download_blob(name).readall().splitlines():
            line = json.loads(row)
            latest[line["finding"]] = line
except (AzureError, ValueError) as fault:  # ValueError also of `max`, where the tenant has no journal
    sys.exit(f"No journal can be read ({type(fault).__name__}). Check WATCH_STORAGE and the tenant id.")
for line in latest.values():
    if line["transition"] != "resolved":
        print(json.dumps(line))
