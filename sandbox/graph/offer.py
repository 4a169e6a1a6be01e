"""What the control API offers, for whoever reads it with curl: each operation, its fields, a body to copy.

Bodies may name people, groups and products as people do: by part in the cast (`synced_with_ems`) and by part
number (`ENTERPRISEPACK`). `by_id` puts the ids in their places.
"""

import typing
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import inspect

from sandbox.graph import skus
from sandbox.graph.operations import Operation
from sandbox.graph.rates import Rates
from sandbox.graph.service_operations import AnyOperation, SetRates
from sandbox.graph.world import World

OPERATIONS: dict[str, type[Operation]] = {
    str(kind.__struct_config__.tag): kind for kind in typing.get_args(AnyOperation)
}
"""Every operation by what `do` calls it."""

_NAMED = frozenset({"id", "user", "group", "sku", "members", "add", "remove", "holds", "licences", "scope"})
"""The fields that hold ids of users, groups and SKUs."""

_SUBSCRIPTION = "<id of a subscription, see get_state>"

EXAMPLES: dict[str, dict[str, Any]] = {
    "add_user": {"display_name": "Ada Brandt", "synced": True},
    "update_user": {"id": "synced_with_ems", "account_enabled": False},
    "delete_user": {"id": "synced_with_ems"},
    "restore_user": {"id": "synced_with_ems"},
    "set_licences": {"id": "synced_with_ems", "remove": ["EMS"]},
    "take_licence": {"sku": "SPE_E3", "users": 70},
    "add_group": {"display_name": "Field engineers", "members": ["admin"], "licences": {"EMS": []}},
    "members": {"group": "group_m365_e3", "add": ["synced_with_ems"]},
    "set_group_licences": {"group": "group_m365_e3", "licences": {"SPE_E3": []}},
    "reprocess_group": {"group": "group_m365_e3"},
    "force_error": {"group": "group_m365_e3", "user": "synced_with_ems", "code": "CountViolation"},
    "set_sku": {"sku": "EMS", "enabled": 40},
    "drop_sku": {"sku": "EMS"},
    "set_scope": {"scope": "group_sspr"},
    "set_tenant": {"revoke": ["AuditLog.Read.All"]},
    "self_service_reset": {"user": "synced_with_ems"},
    "refresh_report": {},
    "set_rates": {"rates": {"loss_rate": 1.0}},
    "put_fault": {"fault": {"path": "/subscribedSkus", "status": 503}},
    "clear_faults": {},
    "announce": {"event": "missed"},
    "drop_subscription": {"id": _SUBSCRIPTION},
    "add_subscription": {"notification_url": "http://127.0.0.1:9000/"},
    "expire_subscription": {"id": _SUBSCRIPTION},
    "pause_subscription": {"id": _SUBSCRIPTION},
    "authorize_partner": {"authorized": False},
    "activate_topic": {"topic": "sspr-license-watch"},
    "route_topic": {"topic": "sspr-license-watch", "endpoint": "http://127.0.0.1:9000/"},
    "delete_topic": {"topic": "sspr-license-watch"},
    "forget_delta": {"kind": "users"},
    "delete_group": {"group": "group_emergency"},
    "get_user": {"id": "synced_with_ems"},
    "get_group": {"id": "group_m365_e3"},
    "find_users": {"synced": True, "holds": ["ENTERPRISEPACK"], "limit": 5},
    "get_state": {},
    "reset_counters": {},
}
"""A body for each operation, without its `do`."""


def by_id(body: Any, world: World) -> Any:
    """The body with names of the cast and part numbers as ids; whatever else stands there stays."""
    if not isinstance(body, dict):
        return body
    ids = {part: kind.sku_id for part, kind in skus.KINDS.items()} | world.cast

    def named(value: Any) -> Any:
        match value:
            case str():
                return ids.get(value, value)
            case list():
                return [named(one) for one in value]
            case dict():
                return {ids.get(name, name): rest for name, rest in value.items()}
        return value

    return {field: named(value) if field in _NAMED else value for field, value in body.items()}


def everything() -> dict[str, Any]:
    """Every operation with what it does, its fields and an example; and how to say them."""
    return {
        "how": "POST one body to /control/do. Users and groups of the cast (see get_state) go by name, "
        "products by part number, all others by id.",
        "operations": [described(name) for name in OPERATIONS],
    }


def described(name: str) -> dict[str, Any]:
    """One operation: what it does, its fields with types and defaults, an example body."""
    kind = OPERATIONS[name]
    fields = _fields(kind)
    if kind is SetRates:
        # Merged with what is set already, and so only an object to msgspec.
        fields["rates"] = _fields(Rates)
    return {
        "do": name,
        "what": " ".join((kind.__doc__ or "").split()),
        "fields": fields,
        "example": {"do": name, **EXAMPLES[name]},
    }


def complaint(body: object, problem: Exception) -> dict[str, Any]:
    """What is wrong with a refused body, with the names there are, or the fields of the one meant."""
    name = body.get("do") if isinstance(body, Mapping) else None
    if isinstance(name, str) and name in OPERATIONS:
        return {"error": str(problem), "operation": described(name)}
    meant = "There is no `do` in the body" if name is None else f"{name!r} is no operation"
    return {
        "error": f"{meant}. GET /control shows each with its fields and an example.",
        "operations": list(OPERATIONS),
    }


def _fields(kind: type) -> dict[str, Any]:
    shape = inspect.type_info(kind)
    if not isinstance(shape, inspect.StructType):
        raise TypeError(f"{kind.__name__} is no struct")
    return {field.encode_name: _field(field) for field in shape.fields}


def _field(field: inspect.Field) -> Any:
    if isinstance(field.type, inspect.StructType):
        return _fields(field.type.cls)
    words = _words(field.type)
    if field.required:
        return f"{words}; required"
    if field.default in (msgspec.NODEFAULT, None, ()):
        return words
    return f"{words}; default {msgspec.json.encode(field.default).decode()}"


def _words(kind: inspect.Type) -> str:
    match kind:
        case inspect.StrType():
            return "text"
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType() | inspect.FloatType():
            return "number"
        case inspect.NoneType():
            return "null"
        case inspect.DateTimeType():
            return "time (RFC 3339)"
        case inspect.LiteralType(values=values):
            return " | ".join(msgspec.json.encode(value).decode() for value in values)
        case inspect.VarTupleType(item_type=item):
            return f"list of {_words(item)}"
        case inspect.TupleType(item_types=items):
            return f"list of {len(items)}: {', '.join(_words(item) for item in items)}"
        case inspect.DictType(key_type=key, value_type=value):
            return f"object of {_words(key)} to {_words(value)}"
        case inspect.UnionType(types=types):
            return " or ".join(_words(one) for one in types)
    return "anything"
