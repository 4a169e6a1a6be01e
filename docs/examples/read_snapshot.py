"""Who of a snapshot of SSPR License Watch has no licence assigned: python read_snapshot.py FILE"""

import gzip
import json
import sys

with gzip.open(sys.argv[1], "rt", encoding="utf-8") as lines:
    for line in map(json.loads, lines):
        if line["line"] == "head":
            print("read", line["taken_at"], "by edition", line["policy"]["edition"])
        elif line["line"] == "user" and not line["user"]["assignedLicenses"]:
            print(line["user"]["userPrincipalName"])
        elif line["line"] == "end":
            print(line["users"], "users")
