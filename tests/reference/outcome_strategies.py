"""What became of messages, and what identify calls say of customers."""

from hypothesis import strategies as st

from tests.reference.campaigns_outcomes import BOUNCED, CLICKED, DELIVERED, OPENED, UNSUBSCRIBED

REPORTED = st.sampled_from((DELIVERED, DELIVERED, OPENED, CLICKED, BOUNCED, UNSUBSCRIBED))
#: The properties of an outcome: of few channels, so that they meet; some of them wrong.
OUTCOMES = st.fixed_dictionaries(
    {"channel": st.sampled_from((*("email",) * 4, *("push",) * 3, "in_app", "fax", None))},
    optional={
        "action_id": st.sampled_from((*("an-action",) * 4, None, "", 7)),
        "duration_ms": st.just(1000),
        "category": st.just("shoes"),
    },
)
TRAITS = st.fixed_dictionaries(
    {},
    optional={
        "consent": st.dictionaries(st.sampled_from(("email", "push", "fax")), st.booleans(), max_size=2),
        "suppressed": st.sampled_from((True, True, False, None)),
        "timezone": st.sampled_from(("Europe/Berlin", "UTC", "Mars/Olympus", "", None)),
    },
)
