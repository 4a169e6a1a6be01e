"""`python -m tools.bicep`: check infra/; 1 if anything is wrong."""

import sys
from pathlib import Path

from tools.bicep.checks import CHECKS, faults
from tools.bicep.templates import Templates

INFRA = Path(__file__).resolve().parents[2] / "infra"


def main() -> int:
    """Say what is wrong, a line each."""
    all_ = Templates(INFRA)
    found = faults(all_)
    for fault in found:
        print(fault)
    if not found:
        print(f"infra: {len(all_.files)} files, {len(CHECKS)} checks, nothing wrong")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
