"""The client of the control API, for the demo and the tests."""

from collections.abc import Iterable
from types import TracebackType
from typing import Any, Literal, Self

import aiohttp
import msgspec

from sandbox.graph import operations as ops
from sandbox.graph import service_operations as service
from sandbox.graph import subscription_operations as subscription
from sandbox.graph.faults import Fault
from sandbox.graph.world import Refused


class Control:
    """Changes a simulated tenant over HTTP. Raises `Refused` where a real tenant would refuse.

    Every operation of `operations.py` and `service_operations.py` can be given to `do`; the methods are the
    frequent ones.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def do(self, operation: ops.Operation) -> Any:
        """Have one operation done; its answer."""
        return await self._post("/control/do", msgspec.json.encode(operation), 30.0)

    async def settle(self, seconds: float = 10.0) -> bool:
        """Wait until nothing is to be delivered or processed; False if that takes longer."""
        body = msgspec.json.encode({"timeout": seconds})
        return bool((await self._post("/control/settle", body, seconds + 30.0))["quiet"])

    async def add_user(
        self, display_name: str, *, synced: bool | None = None, location: str | None = "NL"
    ) -> str:
        """Create a user; its id."""
        operation = ops.AddUser(display_name=display_name, synced=synced, usage_location=location)
        return str((await self.do(operation))["id"])

    async def set_enabled(self, user_id: str, enabled: bool) -> None:
        """Enable or disable an account."""
        await self.do(ops.UpdateUser(id=user_id, account_enabled=enabled))

    async def delete_user(self, user_id: str, *, permanently: bool = False) -> None:
        """Delete a user, softly by default."""
        await self.do(ops.DeleteUser(id=user_id, permanently=permanently))

    async def assign(self, user_id: str, *sku_ids: str, remove: Iterable[str] = ()) -> None:
        """Assign SKUs directly, and remove others in the same change."""
        await self.do(ops.SetLicences(id=user_id, add=dict.fromkeys(sku_ids, ()), remove=tuple(remove)))

    async def unassign(self, user_id: str, *sku_ids: str) -> None:
        """Remove directly assigned SKUs."""
        await self.do(ops.SetLicences(id=user_id, remove=sku_ids))

    async def add_licensing_group(
        self, display_name: str, sku_ids: Iterable[str], members: Iterable[str] = ()
    ) -> str:
        """Create a group that assigns these SKUs; its id. Members get them later."""
        licences: dict[str, tuple[str, ...]] = dict.fromkeys(sku_ids, ())
        operation = ops.AddGroup(display_name=display_name, members=tuple(members), licences=licences)
        return str((await self.do(operation))["id"])

    async def add_members(self, group_id: str, *members: str) -> None:
        """Add users or groups to a group."""
        await self.do(ops.Members(group=group_id, add=members))

    async def remove_members(self, group_id: str, *members: str) -> None:
        """Remove users or groups from a group."""
        await self.do(ops.Members(group=group_id, remove=members))

    async def set_free_seats(self, sku_id: str, free: int) -> None:
        """Set the enabled seats of a SKU so that so many are free now."""
        seats = next(row for row in (await self.state())["skus"].values() if row["skuId"] == sku_id)
        await self.do(ops.SetSku(sku=sku_id, enabled=seats["consumed"] + free, warning=0))

    async def set_rates(self, **rates: Any) -> None:
        """Change knobs (`rates.Rates`)."""
        await self.do(service.SetRates(rates=rates))

    async def forget_delta(
        self, how: Literal["reset", "expired"] = "reset", kind: Literal["users", "groups"] = "users"
    ) -> None:
        """Refuse every delta link given so far."""
        await self.do(service.ForgetDelta(kind=kind, how=how))

    async def self_service_reset(self, user_id: str, *, ago: float = 0.0, **fields: Any) -> None:
        """Have a user reset a password so many seconds ago (`operations.SelfServiceReset`)."""
        await self.do(ops.SelfServiceReset(user=user_id, ago=ago, **fields))

    async def add_external_member(self, display_name: str, issuer: str, *, synced: bool = True) -> str:
        """Create a synchronised B2B account: a member of this tenant who signs in at another; its id."""
        operation = ops.AddUser(
            display_name=display_name,
            synced=synced or None,
            creation_type="Invitation",
            external_user_state="Accepted",
            issuer=issuer,
        )
        return str((await self.do(operation))["id"])

    async def force_error(self, group_id: str, user_id: str, code: str, *, assigned: bool = False) -> None:
        """Have a group's licences fail on a member from the next processing on, and process the group."""
        await self.do(ops.ForceError(group=group_id, user=user_id, code=code, assigned=assigned))
        await self.do(ops.ReprocessGroup(group=group_id))

    async def rename_user(self, user_id: str, display_name: str, upn: str) -> None:
        """Give a user another name and user principal name."""
        await self.do(ops.UpdateUser(id=user_id, display_name=display_name, upn=upn))

    async def add_subscription(self, notification_url: str, **fields: Any) -> str:
        """Put in a subscription that somebody else made; its id (`subscription_operations`)."""
        operation = subscription.AddSubscription(notification_url=notification_url, **fields)
        return str((await self.do(operation))["id"])

    async def drop_subscription(self, subscription_id: str) -> None:
        """Delete a subscription behind the application's back."""
        await self.do(service.DropSubscription(id=subscription_id))

    async def expire_subscription(self, subscription_id: str, seconds: float = 0.0) -> None:
        """Let a subscription expire so many seconds from now."""
        await self.do(subscription.ExpireSubscription(id=subscription_id, seconds=seconds))

    async def pause_subscription(self, subscription_id: str) -> None:
        """Let the access token of a subscription expire."""
        await self.do(subscription.PauseSubscription(id=subscription_id))

    async def announce(
        self,
        event: Literal["reauthorizationRequired", "subscriptionRemoved", "missed"],
        subscription_id: str | None = None,
    ) -> int:
        """Send a lifecycle notification to one or all subscriptions; how many."""
        operation = service.Announce(event=event, subscription=subscription_id)
        return int((await self.do(operation))["told"])

    async def set_roles(self, *roles: str) -> None:
        """Set the application's roles; new tokens carry them, and subscriptions without theirs are paused."""
        await self.do(ops.SetTenant(roles=roles))

    async def restore_user(self, user_id: str) -> None:
        """Undo a soft delete."""
        await self.do(ops.RestoreUser(id=user_id))

    async def fault(self, fault: Fault) -> None:
        """Have the next matching calls fail."""
        await self.do(service.PutFault(fault=fault))

    async def user(self, user_id: str) -> dict[str, Any]:
        """A user as the tenant knows it."""
        return dict(await self.do(service.GetUser(id=user_id)))

    async def group(self, group_id: str) -> dict[str, Any]:
        """A group as the tenant knows it."""
        return dict(await self.do(service.GetGroup(id=group_id)))

    async def find_users(
        self, *sku_ids: str, synced: bool | None = None, only: bool = False, limit: int = 20
    ) -> list[str]:
        """Ids of enabled users who hold these SKUs (`only`: and no other)."""
        operation = service.FindUsers(holds=sku_ids, synced=synced, only=only, limit=limit)
        return list((await self.do(operation))["ids"])

    async def open_topic(self, topic: str, endpoint: str, *, batch: int = 1) -> None:
        """Activate a partner topic and have its events sent to an endpoint."""
        await self.do(subscription.ActivateTopic(topic=topic))
        await self.do(subscription.RouteTopic(topic=topic, endpoint=endpoint, batch=batch))

    async def state(self) -> dict[str, Any]:
        """The tenant at a glance (`service_operations.GetState`)."""
        return dict(await self.do(service.GetState()))

    async def calls(self) -> dict[str, int]:
        """Calls so far by name (`GET /users/{id}`), those in batches included."""
        state = await self.state()
        return {
            name: state["requests"].get(name, 0) + state["items"].get(name, 0)
            for name in (*state["requests"], *state["items"])
        }

    async def _post(self, path: str, body: bytes, seconds: float) -> Any:
        if self._session is None:
            self._session = aiohttp.ClientSession(trust_env=False)
        timeout = aiohttp.ClientTimeout(total=seconds)
        async with self._session.post(self._url + path, data=body, timeout=timeout) as response:
            answer = await response.json(content_type=None)
        if response.status == 409:
            raise Refused(answer["error"])
        if response.status != 200:
            raise ValueError(f"control API answered {response.status}: {answer}")
        return answer
