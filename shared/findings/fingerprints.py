"""What makes two findings the same to a reader (judgement.md §5): a digest of what its kind names."""

import hashlib

import msgspec

from shared.model import Finding
from shared.rules.loader import Rules


def fingerprint(finding: Finding, rules: Rules) -> str:
    """Sixteen hex digits over the fields that the kind's row lists; anything else may change silently."""
    row = rules.kinds[finding.kind]
    parts = [[field, _value(finding, field)] for field in sorted(row.fingerprint)]
    return hashlib.blake2b(msgspec.json.encode(parts), digest_size=8).hexdigest()


def _value(finding: Finding, field: str) -> object:
    value = getattr(finding, field)
    return sorted(value) if isinstance(value, tuple) else value
