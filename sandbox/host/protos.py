"""Stand-in for the protobuf module that the Azure host injects into Microsoft's runtime.

The runtime only builds records from it; no protobuf, no gRPC is involved when functions are invoked natively.
"""

import types
from typing import Any


class _Record:
    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)


class Protos(types.ModuleType):
    """Makes a record class for any name that the runtime asks for."""

    class StatusResult(_Record):
        """Outcome of a request; `status` is one of these."""

        Failure = 0
        Success = 1

    class BindingInfo(_Record):
        """One binding; directions as in Microsoft's protocol (`in`, a keyword, is set below)."""

        out = 1
        inout = 2

    def __getattr__(self, name: str) -> type[_Record]:
        if name.startswith("__"):
            raise AttributeError(name)
        made = type(name, (_Record,), {})
        setattr(self, name, made)
        return made


setattr(Protos.BindingInfo, "in", 0)
