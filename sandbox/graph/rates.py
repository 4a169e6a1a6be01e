"""Everything about the service that can be set: delays, rates of misfortune, and what nobody knows."""

from typing import Annotated, Literal

import msgspec

Rate = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
FaultKind = Literal["429", "500", "502", "503", "504", "hang", "reset", "lost-answer", "truncate", "gone"]


class Rates(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The knobs of the simulator. Times in seconds, ranges as (shortest, longest), rates from 0 to 1.

    What the documentation leaves open is a switch here: `licence_changes_notify` (graph.md §1.3, §12.1),
    `report_takes_top` and `report_takes_select` (whether the registration report takes `$top` and `$select`;
    graph.md §8 names `$filter` only),
    `sibling_error` (error code on the other SKUs of a group that failed as a whole: the same, or `Other`) and
    `batch_throttled_status` (outer status of a batch with a throttled item: 200 or 424, graph.md §9).

    Nobody says how long readers lag: `replication_delay` holds back new users, `read_lag` every change of a
    user, `index_lag` what the filters on licences of groups know, `delta_lag` what delta tells.

    Of delivery: `paused_are_lost` (whether what happens while delivery is paused is lost, §4, or sent later,
    §3.2), `grant_resumes` (whether a permission that is granted again resumes it by itself; a PATCH always
    does), `twins_by_spelling` (whether `/users` and `users` are two resources to the check for an existing
    subscription), `answers_to_judge` (how many answers it takes to call an endpoint slow: 100 in the wording
    of 2022) and `slow_sample` (which share of the notifications still goes at once). `user_loss_rate` and
    `group_loss_rate` stand for `loss_rate`. `notify_before_created`: a notification comes before the answer
    to the POST. `reauthorize_ahead`: reauthorizationRequired comes by itself so long before the expiry (0:
    never, §4).

    `throttle_rate` answers 429 below the limits, after `throttle_delay`; of all 429 a share of
    `retry_after_rate` says when to come back (§9). `fault_rate` lets calls of `fault_paths` fail, in one of
    `fault_kinds` (`faults.Fault`; `gone`: a page or delta link that the service no longer knows).

    `audits_need_directory_role`: whether the audit log wants Directory.Read.All besides (§8, §12.6).

    Of Event Grid (§5): `event_retries` are the pauses before each further attempt, the last one again and
    again; `event_names_lifecycle`: whether `data` of a lifecycle event names it, or its type alone does.

    Of delta (graph.md §6) are open: `delta_expired_status` of a link that is too old, `plan_status_in_delta`
    (whether a SKU that changes state surfaces its holders) and `purged_members_in_delta` (whether a group
    loses a member who is deleted for good). `delta_replay_rate` sends a change again, as the user stood then;
    `delta_shuffle` mixes the order; `delta_initial_removed` shows deleted users in the first enumeration too.
    """

    notification_latency: tuple[Seconds, Seconds] = (0.05, 0.3)
    duplicate_rate: Rate = 0.0
    loss_rate: Rate = 0.0
    user_loss_rate: Rate | None = None
    group_loss_rate: Rate | None = None
    late_rate: Rate = 0.0
    late_by: tuple[Seconds, Seconds] = (1.0, 900.0)
    out_of_order_rate: Rate = 0.0
    items_per_post: Annotated[int, msgspec.Meta(ge=1)] = 100
    batch_window: Seconds = 0.02
    licence_changes_notify: bool = True
    first_timeout: Seconds = 3.0
    retry_timeout: Seconds = 10.0
    retry_base: Seconds = 0.5
    retry_horizon: Seconds = 4 * 3600.0
    delivery_window: Seconds = 600.0
    slow_share: Rate = 0.10
    slow_delay: Seconds = 600.0
    slow_sample: Annotated[int, msgspec.Meta(ge=1)] = 10
    drop_share: Rate = 0.15
    answers_to_judge: Annotated[int, msgspec.Meta(ge=1)] = 100
    paused_are_lost: bool = False
    grant_resumes: bool = False
    notify_before_created: bool = False
    twins_by_spelling: bool = False
    reauthorize_ahead: Seconds = 0.0
    reauthorize_every: Seconds = 900.0
    handshake_timeout: Seconds = 10.0
    event_timeout: Seconds = 30.0
    event_retries: tuple[Seconds, ...] = (10, 30, 60, 300, 600, 1800, 3600, 10_800, 21_600, 43_200)
    event_duplicate_rate: Rate = 0.0
    event_names_lifecycle: bool = True
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
    delta_page_size: Annotated[int, msgspec.Meta(ge=1)] = 200
    delta_members_per_row: Annotated[int, msgspec.Meta(ge=1)] = 100
    delta_replay_rate: Rate = 0.0
    delta_shuffle: bool = False
    delta_initial_removed: bool = False
    delta_lag: Seconds = 0.0
    delta_token_lifetime: Seconds = 7 * 86_400.0
    delta_expired_status: Literal[400, 404, 410] = 410
    plan_status_in_delta: bool = False
    purged_members_in_delta: bool = True
    audits_need_directory_role: bool = True
    audits_collected: bool = True
    audit_page_size: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1000
    throttling: bool = True
    throttle_rate: Rate = 0.0
    throttle_delay: tuple[Seconds, Seconds] = (0.5, 2.5)
    retry_after_rate: Rate = 1.0
    fault_rate: Rate = 0.0
    fault_kinds: Annotated[tuple[FaultKind, ...], msgspec.Meta(min_length=1)] = (
        "429",
        "503",
        "504",
        "hang",
        "reset",
        "lost-answer",
        "gone",
    )
    fault_paths: tuple[str, ...] = ("*",)
    fault_seconds: tuple[Seconds, Seconds] = (0.0, 0.5)
    batch_throttled_status: Literal[200, 424] = 200

    def loss_of(self, kind: str) -> float:
        """The loss rate of notifications about a `user` or a `group`."""
        own = self.user_loss_rate if kind == "user" else self.group_loss_rate
        return self.loss_rate if own is None else own
