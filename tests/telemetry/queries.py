"""The Kusto queries, and what Microsoft's own language service says of them."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "infra" / "queries"

TABLES = {
    "AppTraces": "TimeGenerated:datetime, Message:string, SeverityLevel:int, Properties:dynamic",
    "AppMetrics": "TimeGenerated:datetime, Name:string, Sum:real, ItemCount:int, Properties:dynamic",
    "AppRequests": (
        "TimeGenerated:datetime, OperationName:string, Url:string, Success:bool, ResultCode:string, "
        "DurationMs:real"
    ),
}
"""The columns that queries may use, with their types (Azure Monitor Logs reference: AppTraces, AppMetrics,
AppRequests)."""


def queries() -> dict[str, str]:
    """Every query by its name."""
    return {file.stem: file.read_text() for file in sorted(FOLDER.glob("*.kql"))}


def faults(texts: Mapping[str, str]) -> dict[str, list[str]]:
    """What is wrong with each, line by line; raises where the language service does not run."""
    asked = json.dumps({"tables": TABLES, "queries": texts})
    done = subprocess.run(
        ["node", "sandbox/kusto.cjs"], cwd=ROOT, input=asked, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found
