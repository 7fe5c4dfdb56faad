"""The shapes of the signals out. Encoding, schemas and documentation all come from these types."""

from collections.abc import Sequence
from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

#: `properties` of an audience signal has the segment's key as a name; no segment may be called so.
RESERVED_AUDIENCE_KEY: Final = "audience_key"

AUDIENCE_TOPIC: Final = "segments.changes"
CHURN_TOPIC: Final = "churn.risk"
ACTION_TOPIC: Final = "actions.reactivation"
SIGNAL_TOPICS: Final = frozenset((AUDIENCE_TOPIC, CHURN_TOPIC, ACTION_TOPIC))

_INSTANT_PATTERN: Final = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{3}Z$"
Instant = Annotated[str, Meta(pattern=_INSTANT_PATTERN, extra_json_schema={"format": "date-time"})]
SignalId = Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
Cause = Literal["event", "time", "definition", "merge", "backfill", "restored"]
#: Why an action is suppressed, in the order in which campaigns look: docs/semantics.md, section 8.
AbortType = Literal[
    "definition",
    "in_journey",
    "never_again",
    "cooldown",
    "goal_reached",
    "no_longer",
    "expired",
    "suppressed",
    "open_complaint",
    "no_consent",
    "frequency_cap",
    "outranked",
    "budget",
    "holdout",
]
WaitedFor = Literal["paused", "held", "slot", "quiet_hours"]
JourneyOutcome = Literal["converted", "not_converted", "superseded", "done"]
Goal = Literal["activity", "order", "none"]
Band = Literal["low", "medium", "high", "critical"]
#: The churn bands in rising order; a band's code is its position.
BANDS: Final[tuple[Band, ...]] = ("low", "medium", "high", "critical")

WhyNow = Annotated[
    Cause,
    Meta(
        description="what led to it: an event, passing time, an edited rule, a merge of customers, a backfill; "
        "restored: Redis came back with another history, this is what holds"
    ),
]
Version = Annotated[
    int,
    Meta(description="rises with every signal of the customer; drop one that is not newer"),
]
NextCheck = Annotated[
    Instant | None,
    Meta(description="before it, nothing changes unless an event arrives; null: nothing will without one"),
]


class Evidence(Struct, frozen=True, gc=False):
    """A comparison that decided: `value op threshold`."""

    feature: Annotated[str, Meta(description="name of the feature, as in the rules")]
    value: Annotated[
        int | float | str | None,
        Meta(description="its value for the customer, in `unit`; null: it has none yet"),
    ]
    op: Annotated[str, Meta(description="<, <=, >, >=, == or !=")]
    threshold: Annotated[
        int | float | str,
        Meta(
            description="a number in `unit`, or a text; of two features, the other one and its value, such as "
            "web_events_30d=12"
        ),
    ]
    unit: Annotated[str, Meta(description="ms, count, percent, text, probability, or a currency")]
    holds: Annotated[bool | None, Meta(description="did it hold? null: not known")]
    exact: Annotated[
        bool, Meta(description="false: history does not reach back far enough, the value may be greater")
    ]


Evidences = Annotated[
    Sequence[Evidence], Meta(description="the comparisons that decided, such as recency > 14 days")
]


class Reason(Struct, frozen=True, gc=False):
    """What speaks for the risk. A contributing signal, not a cause."""

    code: Annotated[str, Meta(description="SILENCE, RATE_DROP, LOW_HISTORY, ...")]
    text: Annotated[str, Meta(description="the same for a person, with the numbers")]
    value: Annotated[float, Meta(description="the number behind it")]
    contribution: Annotated[float, Meta(description="its share of the risk's log-odds")]


class Signal(Struct, kw_only=True, gc=False, rename="camel"):
    """What all signals have: they are Segment track calls of the customer."""

    type: Annotated[Literal["track"], Meta(description="the kind of Segment call")]
    event: str
    message_id: Annotated[SignalId, Meta(description="the same as the header ce_id; deduplicate by it")]
    user_id: Annotated[str, Meta(description="the customer's id")] | UnsetType = UNSET
    anonymous_id: Annotated[str, Meta(description="instead, if only this is known")] | UnsetType = UNSET
    timestamp: Annotated[Instant, Meta(description="when the change came to be, in event time")]


class Personas(Struct, gc=False):
    """How Segment marks the track calls of an audience."""

    computation_class: Annotated[Literal["audience"], Meta(description="what Segment calls a segment")]
    computation_key: Annotated[str, Meta(description="the segment's key")]


class AudienceExplanation(Struct, kw_only=True, gc=False):
    """Why the customer is in the segment, or no longer."""

    cause: WhyNow
    version: Version
    rule_version: Annotated[int, Meta(description="version of the segment's rule")]
    entry_seq: Annotated[
        int,
        Meta(description="counts the customer's entries into the segment; an exit has its entry's number"),
    ]
    entered_at: Annotated[Instant, Meta(description="instant of that entry")]
    displaced_by: Annotated[
        str | None, Meta(description="the segment of the same group that took this one's place")
    ]
    next_check_at: NextCheck
    evidence: Evidences


class ChurnExplanation(Struct, kw_only=True, gc=False):
    """Why the customer's risk is in another band."""

    cause: WhyNow
    version: Version
    model_version: Annotated[str, Meta(description="version of the model's parameters")]
    next_check_at: NextCheck
    evidence: Evidences


class ActionExplanation(Struct, kw_only=True, gc=False):
    """Why an action is requested, or not."""

    cause: WhyNow
    version: Version
    rule_version: Annotated[int, Meta(description="version of the campaign")]
    trigger: Annotated[str, Meta(description="what leads into the campaign, such as: enter dormant")]
    entered_at: Annotated[Instant, Meta(description="when it led into it")]
    next_check_at: NextCheck
    evidence: Evidences


class AudienceContext(Struct, gc=False):
    """Context of an audience signal."""

    personas: Annotated[Personas, Meta(description="for receivers of Segment audiences")]
    streamproc: Annotated[AudienceExplanation, Meta(description="why")]


class ChurnContext(Struct, gc=False):
    """Context of a churn signal."""

    streamproc: Annotated[ChurnExplanation, Meta(description="why")]


class ActionContext(Struct, gc=False):
    """Context of an action signal."""

    streamproc: Annotated[ActionExplanation, Meta(description="why")]


AudienceProperties = Annotated[
    dict[str, str | bool],
    Meta(
        description="`audience_key`, and the segment's key as a name: is the customer inside now?",
        extra_json_schema={
            "allOf": [
                {
                    "required": [RESERVED_AUDIENCE_KEY],
                    "properties": {RESERVED_AUDIENCE_KEY: {"type": "string"}},
                    "additionalProperties": {"type": "boolean"},
                    "minProperties": 2,
                    "maxProperties": 2,
                }
            ]
        },
    ),
]


class ChurnProperties(Struct, kw_only=True, gc=False):
    """The risk of no activity within the horizon, and its band."""

    risk: Annotated[
        float, Meta(ge=0, le=1, description="probability of no activity within the next `horizon_days`")
    ]
    band: Annotated[Band, Meta(description="the risk's band now")]
    previous_band: Annotated[Band | None, Meta(description="the band before; null: the first one")]
    horizon_days: Annotated[int, Meta(description="how many days the risk looks ahead")]
    reasons: Annotated[Sequence[Reason], Meta(description="what raises the risk, the largest share first")]


class ActionProperties(Struct, kw_only=True, gc=False):
    """What is to be done, or was not to be, or what came of it."""

    action_id: Annotated[SignalId, Meta(description="report the action's outcome under this id")]
    campaign: Annotated[str, Meta(description="the campaign's key")]
    campaign_version: Annotated[int, Meta(description="version of the campaign")]
    entry: Annotated[int, Meta(description="counts the customer's entries into the campaign")]
    step: Annotated[int, Meta(description="step of the campaign's ladder, from 1")]
    steps: Annotated[int, Meta(description="how many steps the ladder has")]
    channel: Annotated[
        str | None, Meta(description="email, push, sms, phone or in_app; null: none was chosen")
    ]
    variant: Annotated[str | None, Meta(description="variant of an experiment; null: none runs")]
    holdout: Annotated[bool, Meta(description="true: do nothing, the customer is in the control group")]
    reason: Annotated[str, Meta(description="the step's reason, for the message")]
    offer: Annotated[str | None, Meta(description="the step's offer; null: none")]
    expires_at: Annotated[
        Instant | None, Meta(description="do not act after this instant; null: nothing is to be done")
    ]
    abort_type: Annotated[
        AbortType | None, Meta(description="why it is suppressed; null: requested, or ended")
    ]
    waited_for: Annotated[
        WaitedFor | None, Meta(description="what an expired step waited for in vain; null: nothing")
    ]
    outranked_by: Annotated[str | None, Meta(description="the campaign that goes before; null: none")]
    closes: Annotated[bool, Meta(description="true: nothing more comes of this entry")]
    outcome: Annotated[JourneyOutcome | None, Meta(description="of an ended entry: what came of it")]
    goal: Annotated[
        Goal, Meta(description="what the campaign is for: activity, an order, or nothing to count")
    ]
    requests: Annotated[
        int | None, Meta(description="of an ended entry: steps requested, or that would have been")
    ]
    first_requested_at: Annotated[
        Instant | None, Meta(description="of an ended entry: the first of them; conversion counts from here")
    ]
    converted_at: Annotated[
        Instant | None, Meta(description="of a converted entry: when the customer did what it is for")
    ]


class AudienceSignal(Signal, kw_only=True, gc=False, rename="camel"):
    """A customer entered or left a segment."""

    event: Annotated[Literal["Audience Entered", "Audience Exited"], Meta(description="what happened")]
    properties: AudienceProperties
    context: Annotated[AudienceContext, Meta(description="where it comes from")]


class ChurnSignal(Signal, kw_only=True, gc=False, rename="camel"):
    """A customer's churn risk is in another band."""

    event: Annotated[Literal["Churn Risk Changed"], Meta(description="what happened")]
    properties: Annotated[ChurnProperties, Meta(description="the risk")]
    context: Annotated[ChurnContext, Meta(description="where it comes from")]


class ActionSignal(Signal, kw_only=True, gc=False, rename="camel"):
    """An action for a customer is requested, or suppressed with the reason; or an entry has ended."""

    event: Annotated[
        Literal["Reactivation Requested", "Reactivation Suppressed", "Reactivation Ended"],
        Meta(description="what happened"),
    ]
    properties: Annotated[ActionProperties, Meta(description="the action")]
    context: Annotated[ActionContext, Meta(description="where it comes from")]
