"""What a history must not lack: added at its end, from how the tenant stands by then."""

from collections.abc import Sequence

from sandbox.graph import operations as ops
from sandbox.graph.state import DEFAULT_ROLES
from tests.oracle import policies
from tests.oracle.author import Author, Operations
from tests.oracle.tenants import CLOUD, P1


def settings_that_show_all(author: Author) -> policies.Settings:
    """Settings under which the cast's verdicts come out: writeback on, an edition without open questions."""
    plain = {
        "POLICY_EDITION": "2017-10-24",
        "CONTESTED": "",
        "PASSWORD_WRITEBACK": "on",
        "POPULATION": "enabled",
        "SSPR_SCOPE": f"groups:{author.tenant.groups['scope']}",
    }
    return author.settings | plain


def restore_the_tenant(author: Author) -> Operations:
    """Enough seats of the cast's SKUs, in order, and paid."""
    world = author.tenant.world
    done: list[ops.Operation] = [ops.SetTenant(roles=tuple(sorted(DEFAULT_ROLES)))]
    for sku_id in (P1, CLOUD):
        done.append(ops.SetSku(sku=sku_id, status="Enabled"))
        done.append(ops.SetSku(sku=sku_id, enabled=world.consumed(sku_id) + 20, trial=False))
    return tuple(done)


def fail_otherwise(author: Author) -> Operations:
    """Licences that fail, fail for another reason: of that neither notification nor delta tells."""
    world = author.tenant.world
    done: list[ops.Operation] = []
    for group in author.tenant.licensing:
        members = sorted(world.groups[group].members) if group in world.groups else []
        failing = [one for one in members if world.users[one].fails(group)]
        for user_id in author.rng.sample(failing, min(2, len(failing))):
            told = {held.error for key, held in world.users[user_id].inherited.items() if key[0] == group}
            codes = [code for code in ("UniquenessViolation", "DependencyViolation") if code not in told]
            done.append(ops.ForceError(group=group, user=user_id, code=author.rng.choice(codes)))
        if failing:
            done.append(ops.ReprocessGroup(group=group))
    return tuple(done)


def break_and_mend(author: Author, licensed: Sequence[str], bare: Sequence[str]) -> Operations:
    """Take every direct licence from some who are covered by those alone; cover some who hold nothing."""
    users = author.tenant.world.users
    broken = tuple(ops.SetLicences(id=one, remove=tuple(sorted(users[one].direct))) for one in licensed)
    return broken + tuple(ops.SetLicences(id=one, add={P1: ()}) for one in bare)
