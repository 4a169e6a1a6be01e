"""Prints what is open now: replay_journal.py <tenant id>, with a connection string in WATCH_STORAGE."""

import json
import os
import sys

from azure.storage.blob import ContainerClient

alerts = ContainerClient.from_connection_string(os.environ["WATCH_STORAGE"], "alerts")
epoch = max(folder.name for folder in alerts.walk_blobs(f"{sys.argv[1]}/"))
open_now: dict[str, object] = {}
for name in alerts.list_blob_names(name_starts_with=epoch):  # in order of name: book by book, by number
    for row in alerts.download_blob(name).readall().splitlines():
        line = json.loads(row)
        open_now.pop(line["finding"], None)
        if line["transition"] != "resolved":
            open_now[line["finding"]] = line
for line in open_now.values():
    print(json.dumps(line))
