"""The service behind its front door: one call in, one answer out, whether it came alone or in a `$batch`."""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.graph import audits, delta, directory, groups, principals, subscriptions, users
from sandbox.graph.event_grid import EventGrid
from sandbox.graph.faults import Fault, Faults
from sandbox.graph.identity import caller
from sandbox.graph.notices import Planner, lifecycle, notice
from sandbox.graph.outbound import Outbound, report_failure
from sandbox.graph.permissions import Call, known, match
from sandbox.graph.records import Change
from sandbox.graph.seen import seen
from sandbox.graph.throttle import Throttle, cost, refusal
from sandbox.graph.wire import Caller, GraphAnswer, GraphFault, GraphRequest, new_request_id
from sandbox.graph.world import World

Handler = Callable[[GraphRequest, World], GraphAnswer]
ServiceHandler = Callable[[GraphRequest, "Simulator"], Awaitable[GraphAnswer]]

_REPORT = "GET /reports/authenticationMethods/userRegistrationDetails"

HANDLERS: dict[str, Handler] = {
    "GET /users": users.list_users,
    "GET /users/$count": users.count_users,
    "GET /users/delta": delta.users_delta,
    "GET /users/{id}": users.get_user,
    "GET /users/{id}/licenseDetails": users.license_details,
    "GET /groups": groups.list_groups,
    "GET /groups/delta": delta.groups_delta,
    "GET /groups/{id}": groups.get_group,
    "GET /groups/{id}/members": groups.list_members,
    "GET /groups/{id}/members/{cast}": groups.list_members,
    "GET /groups/{id}/transitiveMembers": groups.list_transitive,
    "GET /groups/{id}/transitiveMembers/{cast}": groups.list_transitive,
    "GET /groups/{id}/membersWithLicenseErrors": groups.list_errors,
    "GET /subscribedSkus": directory.list_skus,
    "GET /directory/subscriptions": directory.list_subscriptions,
    "GET /directory/onPremisesSynchronization": directory.synchronization,
    "GET /organization": directory.list_organization,
    "GET /auditLogs/directoryAudits": audits.list_audits,
    "GET /policies/authorizationPolicy": directory.authorization_policy,
    "GET /servicePrincipals(appId='{app}')": principals.get_by_app,
    "GET /servicePrincipals/{id}/appRoleAssignments": principals.list_assignments,
    _REPORT: directory.list_registrations,
    f"{_REPORT}/{{id}}": directory.get_registration,
}
"""Calls that read the tenant."""

SERVICE_HANDLERS: dict[str, ServiceHandler] = {
    "POST /subscriptions": subscriptions.create,
    "GET /subscriptions": subscriptions.list_all,
    "GET /subscriptions/{id}": subscriptions.get,
    "PATCH /subscriptions/{id}": subscriptions.update,
    "DELETE /subscriptions/{id}": subscriptions.delete,
    "POST /subscriptions/{id}/reauthorize": subscriptions.reauthorize,
}
"""Calls that concern the application's subscriptions."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A call before anyone has looked at it: decoded path without version, headers with lower-case names."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: Any
    base: str


class Simulator:
    """One tenant in service. `requests` and `items` count calls of their own and items of batches by name.

    `units` sums what they cost, by throttling bucket and whether or not there is throttling.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.rng = random.Random(f"service {world.seed}")
        self.faults = Faults(self.rng)
        self.throttle = Throttle()
        self.subscriptions = subscriptions.Subscriptions()
        self.planner = Planner(world.organization.id, random.Random(world.seed + 1))
        who = (world.organization.id, world.app_id)
        self.event_grid = EventGrid(lambda: world.rates, self.planner.rng, self.planner.tally, who)
        self.outbound = Outbound(
            lambda: world.rates, self.planner.rng, self.planner.tally, self.event_grid, self.paused
        )
        self.requests: Counter[str] = Counter()
        self.items: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.units: dict[str, float] = defaultdict(float)
        self._seen = seen()
        self._work: tuple[asyncio.Task[None], ...] = ()
        world.listen(self._tell)

    async def start(self) -> None:
        """Begin to deliver notifications and to process group licences."""
        await self.outbound.start()
        self._work = (asyncio.create_task(self._tick()), asyncio.create_task(self._refresh()))
        for task in self._work:
            task.add_done_callback(report_failure)

    async def stop(self) -> None:
        """Stop everything that runs by itself."""
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)
        await self.outbound.stop()

    # --- calls ---------------------------------------------------------------------------------------------

    def count(self, incoming: Incoming, *, within: Incoming | None = None) -> None:
        """Count a call under its name, or under method and path if no such call exists.

        `within`: the batch that it is an item of.
        """
        found = match(incoming.method, incoming.path)
        name = found[0].key if found else f"{incoming.method} {incoming.path}"
        (self.items if within else self.requests)[name] += 1
        agent = (within or incoming).headers.get("user-agent", "")
        self._seen.note(incoming.method, incoming.path, incoming.body, agent)

    def holder(self, incoming: Incoming) -> Caller:
        """Who calls; raises 401."""
        return caller(self.world, incoming.headers.get("authorization"), self.world.now())

    async def answer(self, incoming: Incoming, holder: Caller | None = None) -> GraphAnswer:
        """Answer one call, always: refusals become Graph error bodies. `holder`: already known (`$batch`)."""
        now = self.world.now()
        request_id = new_request_id()
        try:
            answer = await self._serve(incoming, holder or self.holder(incoming), now)
        except GraphFault as fault:
            answer = fault.answer(request_id, now)
        self.statuses[str(answer.status)] += 1
        common = {"request-id": request_id, "client-request-id": request_id}
        if "client-request-id" in incoming.headers:
            common["client-request-id"] = incoming.headers["client-request-id"]
        return GraphAnswer(answer.status, answer.body, common | dict(answer.headers))

    async def _serve(self, incoming: Incoming, holder: Caller, now: datetime) -> GraphAnswer:
        found = match(incoming.method, incoming.path)
        if found is None:
            if known(incoming.path):
                text = "Specified HTTP method is not allowed for the request target."
                raise GraphFault(405, "Request_BadRequest", text)
            segment = incoming.path.strip("/").split("/")[-1]
            raise GraphFault(400, "BadRequest", f"Resource not found for the segment '{segment}'.")
        call, params = found
        extra: dict[str, str] = {}
        units = cost(call, incoming.query)
        self.units[call.bucket] += units
        if self.world.rates.throttling:
            extra = self._charge(call, units, holder)
        _permitted(call, holder, directory_role=self.world.rates.audits_need_directory_role)
        request = GraphRequest(
            incoming.method,
            incoming.path,
            incoming.query,
            incoming.headers,
            incoming.body,
            incoming.base,
            holder,
            now,
            params,
        )
        service = SERVICE_HANDLERS.get(call.key)
        if service is not None:
            answer = await service(request, self)
        else:
            answer = HANDLERS[call.key](request, self.world)
        return GraphAnswer(answer.status, answer.body, extra | dict(answer.headers))

    def _charge(self, call: Call, units: float, holder: Caller) -> dict[str, str]:
        """What the call costs, as headers; 429 beyond the bucket, and at a rate below it (graph.md §9)."""
        rates, tenant_id = self.world.rates, self.world.organization.id
        at = asyncio.get_running_loop().time()
        try:
            headers = self.throttle.charge(call, units, at, len(self.world.users), holder, tenant_id)
            if rates.throttle_rate and self.rng.random() < rates.throttle_rate:
                raise refusal(call, self.rng.uniform(*rates.throttle_delay), headers, holder, tenant_id)
        except GraphFault as fault:
            if self.rng.random() >= rates.retry_after_rate:
                del fault.headers["Retry-After"]
            raise
        return headers

    # --- what happens by itself ----------------------------------------------------------------------------

    def announce(self, event: str, subscription_id: str | None = None) -> int:
        """Send a lifecycle notification to the lifecycle URLs of one or all subscriptions; how many."""
        held = [s for s in self.subscriptions.live(self.world.now()) if subscription_id in (None, s.id)]
        told = [s for s in held if s.lifecycle_url]
        for subscription in told:
            subscription.told_at = self.world.now()
            item = lifecycle(subscription, event, self.world.organization.id)
            self.outbound.post_later(0.0, subscription.lifecycle_url or "", item)
        return len(told)

    def paused(self, subscription_id: str) -> bool:
        """Whether nothing is delivered for a subscription: its access token is no good any more."""
        held = self.subscriptions.find(subscription_id)
        return held is not None and not held.authorized

    def unauthorize(self, held: subscriptions.Subscription) -> None:
        """Pause the delivery of a subscription and ask for a new authorization (graph.md §3.2, §4)."""
        if held.authorized:
            held.authorized = False
            self.announce("reauthorizationRequired", held.id)

    def authorize(self, held: subscriptions.Subscription) -> None:
        """Deliver again, what was held back first."""
        held.authorized, held.told_at = True, None
        self.outbound.release()

    def roles_changed(self) -> None:
        """Pause the subscriptions whose permission an administrator has revoked."""
        for held in self.subscriptions.live(self.world.now()):
            if held.role not in self.world.roles:
                self.unauthorize(held)
            elif not held.authorized and self.world.rates.grant_resumes:
                self.authorize(held)

    async def tell_at_once(self, held: subscriptions.Subscription) -> None:
        """Deliver a notification about some object of a new subscription, before its creator knows its id."""
        user = held.role.startswith("User")
        named = held.resource.split("/")[1:2] or list(
            self.world.user_order[:1] if user else self.world.group_order[:1]
        )
        for object_id in named:
            change = Change("user" if user else "group", object_id, self.world.now())
            await self.outbound.post_at_once(
                held.notification_url, notice(change, held, self.world.organization.id, 1)
            )

    @property
    def quiet(self) -> bool:
        """Nothing to deliver, no licensing job, and readers and filters know what there is to know."""
        world = self.world
        waiting = self.outbound.pending or world.licensing.pending
        return not (waiting or world.replica.behind or world.index.behind)

    async def settle(self, timeout_seconds: float) -> bool:
        """Wait until it is quiet; False if it isn't in time."""
        end = asyncio.get_running_loop().time() + timeout_seconds
        while not self.quiet:
            if asyncio.get_running_loop().time() >= end:
                return False
            await asyncio.sleep(0.01)
        return True

    def _tell(self, change: Change) -> None:
        held = self.subscriptions.live(self.world.now())
        if self.world.rates.paused_are_lost:
            self.planner.tally.paused += sum(not s.authorized and s.hears(change) for s in held)
            held = tuple(s for s in held if s.authorized)
        for seconds, url, item in self.planner.plan(change, held, self.world.rates):
            self.outbound.post_later(seconds, url, item)

    async def _tick(self) -> None:
        while True:
            now = self.world.now()
            self.world.licensing.run(now)
            if self.world.rates.reauthorize_ahead:
                self._remind(now)
            await asyncio.sleep(0.02)

    def _remind(self, now: datetime) -> None:
        """Ask again and again for a new authorization of what ends soon (graph.md §4)."""
        rates = self.world.rates
        for held in self.subscriptions.live(now):
            ends = (held.expires_at - now).total_seconds() <= rates.reauthorize_ahead
            if ends and (
                held.told_at is None or (now - held.told_at).total_seconds() >= rates.reauthorize_every
            ):
                self.announce("reauthorizationRequired", held.id)

    async def _refresh(self) -> None:
        while True:
            seconds = self.world.rates.report_refresh
            await asyncio.sleep(seconds or 0.5)
            if seconds:
                self.world.report.refresh()


def fault_answer(fault: Fault, now: datetime) -> GraphAnswer:
    """The answer of a fault of kind `status`."""
    headers = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
    if fault.status == 410 and fault.location:
        headers["Location"] = fault.location
    return GraphFault(fault.status, fault.code, "Injected fault.", headers).answer(new_request_id(), now)


def _permitted(call: Call, holder: Caller, *, directory_role: bool) -> None:
    lacking = "*" not in call.roles and holder.roles.isdisjoint(call.roles)
    if lacking or (call.also and directory_role and call.also not in holder.roles):
        text = "Insufficient privileges to complete the operation."
        raise GraphFault(403, "Authorization_RequestDenied", text)
