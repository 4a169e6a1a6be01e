"""Who is in a group, as far as a snapshot tells. Pure.

A snapshot tells it of the groups that it was taken with, nested ones included; of the scope groups together;
and of groups that assign licences, by what they assign.
"""

from collections.abc import Iterable

from shared.model import LicensingGroup
from shared.snapshot.lines import Head, Reading


def membership_known(group: str, wanted: Iterable[str], head: Head) -> bool:
    """Whether the snapshot tells anything of who is in a group. `wanted`: all groups that are asked for."""
    return group in head.groups or group in head.facts.groups or _as_it_was(wanted, head)


def in_groups(reading: Reading, wanted: tuple[str, ...], head: Head) -> bool | None:
    """Whether a user is in any of the groups; None where that can't be told."""
    if _as_it_was(wanted, head):
        return reading.standing.in_scope_group
    answers = {_in_group(reading, group, head) for group in wanted}
    if True in answers:
        return True
    return None if None in answers else False


def _as_it_was(wanted: Iterable[str], head: Head) -> bool:
    return head.policy.scope == "groups" and set(wanted) == set(head.policy.scope_groups)


def _in_group(reading: Reading, group: str, head: Head) -> bool | None:
    if group in head.groups:
        return group in reading.member_of
    licensing = head.facts.groups.get(group)
    if licensing is None:
        return None
    # Licences come to direct members only, scope reaches nested ones too.
    by_licence = any(one.assigned_by_group == group for one in reading.user.license_assignment_states)
    if by_licence or group in reading.standing.nested_in:
        return True
    return None if _incomplete(licensing) else False


def _incomplete(group: LicensingGroup) -> bool:
    """Whether it has members who may bear no mark of it: nested ones, and new ones while its job runs.

    A group without SKUs marks nobody.
    """
    return bool(group.nested or group.processing_since or not group.sku_ids)
