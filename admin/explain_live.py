"""`explain USER` by the tenant as it is now, read with the rights of whoever is signed in."""

import asyncio
from pathlib import Path

import msgspec

from admin.connection import WrongInput
from admin.people import no_such_user
from admin.sign_in import sign_in
from admin.words import said
from shared.audit.person import Person, read_person
from shared.explain.proof import LIVE, Proof
from shared.explain.proving import proof_of
from shared.graph.errors import Forbidden, GraphError, Throttled
from shared.graph.session import GraphSession
from shared.graph.tenant import whose
from shared.guids import as_guid
from shared.rules.loader import load_rules
from shared.rules.policy import Policy
from shared.settings import GraphSettings
from shared.settings.access import reading_of


class GraphTrouble(Exception):
    """Graph failed; the message is a sentence for people."""


def from_tenant(user: str, settings: Path | None, *, device_code: bool) -> Proof:
    """The proof by what Graph says now, under the policy of the settings.

    Raises `WrongInput`, also where a permission is missing, `SettingsError`, `GraphTrouble`.
    """
    if as_guid(user.strip()) is None and "@" not in user:
        # Graph would take some other word for a part of its own address: `delta`, `$count`.
        raise WrongInput(no_such_user(user, said("explain", "places", "tenant")))
    access = reading_of(settings)
    nobody = GraphSettings(base_url=access.graph_url, tenant_id="")
    reading = _read(nobody, access.tenant_id, access.policy, user.strip(), device_code=device_code)
    try:
        person = asyncio.run(reading)
    except Forbidden as problem:
        raise WrongInput(said("explain", "faults", "forbidden", problem=problem.brief)) from None
    except Throttled as problem:
        minutes = max(1, round(problem.retry_after / 60))
        raise GraphTrouble(said("explain", "faults", "throttled", minutes=minutes)) from None
    except GraphError as problem:
        raise GraphTrouble(said("explain", "faults", "graph", problem=problem.brief)) from None
    if person is None:
        raise WrongInput(no_such_user(user, said("explain", "places", "tenant")))
    return proof_of(
        person.user, person.standing, person.facts, load_rules(), access.policy, person.at, source=LIVE
    )


async def _read(
    nobody: GraphSettings, tenant: str, policy: Policy, user: str, *, device_code: bool
) -> Person | None:
    used = policy.population == "used"
    try:
        signed_in = await sign_in(nobody.scope, device_code=device_code, tenant=tenant, audit_log=used)
    except WrongInput as problem:
        # Whoever can't sign in here may still have what was read elsewhere.
        raise WrongInput(" ".join([*problem.lines, said("explain", "faults", "signed-out")])) from None
    async with signed_in as credential:
        session = GraphSession(nobody, credential=credential)
        try:
            theirs = await whose(session)
        finally:
            await session.aclose()
        if tenant and tenant.lower() != theirs.tenant_id:
            raise WrongInput(said("explain", "faults", "other-tenant", found=theirs.tenant_id))
        settings = msgspec.structs.replace(nobody, tenant_id=theirs.tenant_id)
        session = GraphSession(settings, credential=credential)
        try:
            return await read_person(session, policy, user)
        finally:
            await session.aclose()
