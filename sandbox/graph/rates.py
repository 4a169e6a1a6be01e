"""Everything about the service that can be set: delays, rates of misfortune, and what nobody knows."""

from typing import Annotated, Literal

import msgspec

Rate = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]


class Rates(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The knobs of the simulator. Times in seconds, ranges as (shortest, longest), rates from 0 to 1.

    What the documentation leaves open is a switch here: `licence_changes_notify` (graph.md §1.3, §12.1),
    `report_takes_top` and `report_takes_select` (whether the registration report takes `$top` and `$select`;
    graph.md §8 names `$filter` only),
    `sibling_error` (error code on the other SKUs of a group that failed as a whole: the same, or `Other`) and
    `batch_throttled_status` (outer status of a batch with a throttled item: 200 or 424, graph.md §9).

    Nobody says how long readers lag: `replication_delay` holds back new users, `read_lag` every change of a
    user, `index_lag` what the filters on licences of groups know.
    """

    notification_latency: tuple[Seconds, Seconds] = (0.05, 0.3)
    duplicate_rate: Rate = 0.0
    loss_rate: Rate = 0.0
    out_of_order_rate: Rate = 0.0
    items_per_post: Annotated[int, msgspec.Meta(ge=1)] = 100
    batch_window: Seconds = 0.02
    licence_changes_notify: bool = True
    first_timeout: Seconds = 3.0
    retry_timeout: Seconds = 10.0
    retry_base: Seconds = 0.5
    retry_horizon: Seconds = 4 * 3600.0
    handshake_timeout: Seconds = 10.0
    licensing_delay: tuple[Seconds, Seconds] = (0.1, 0.3)
    sibling_error: Literal["same", "Other"] = "same"
    replication_delay: Seconds = 0.5
    read_lag: Seconds = 0.0
    index_lag: Seconds = 0.2
    report_refresh: Seconds = 0.0
    report_takes_top: bool = False
    report_takes_select: bool = False
    report_page_size: Annotated[int, msgspec.Meta(ge=1, le=999)] = 100
    token_lifetime: Annotated[int, msgspec.Meta(ge=1)] = 3600
    page_token_lifetime: Seconds = 3600.0
    empty_page_rate: Annotated[float, msgspec.Meta(ge=0, le=0.9)] = 0.0
    throttling: bool = True
    batch_throttled_status: Literal[200, 424] = 200
