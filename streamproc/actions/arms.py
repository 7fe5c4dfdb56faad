"""Arms of an experiment: who is held out, and who gets which variant.

A salted hash of the customer's id decides, so nobody has to keep it: the same customer is in the same arm after a
restart, on another worker, and under the next version of a campaign (no version is in a salt). Salts differ, so arms
of different campaigns have nothing to do with each other, nor have holdout and variant of one.
"""

from typing import Final

from xxhash import xxh3_64_intdigest

from streamproc.rules.campaign import Campaign, ContactPolicy

_HASH_BITS: Final = 64
_HASHES: Final = 2**_HASH_BITS
#: Salt of the control group of all campaigns; that of a campaign's own is `holdout/<key>`.
_EVERYWHERE: Final = "holdout"


def is_held_out(campaign: Campaign, policy: ContactPolicy, customer: str) -> bool:
    """Whether the campaign asks nothing of the customer, so that others can be compared with those like them.

    True for the control group of all campaigns (`policy.holdout`) and for the campaign's own.
    """
    return is_held_out_of_all(policy, customer) or _falls_within(
        campaign.holdout, f"holdout/{campaign.key}", customer
    )


def is_held_out_of_all(policy: ContactPolicy, customer: str) -> bool:
    """Whether the customer is in the control group of all campaigns."""
    return _falls_within(policy.holdout, _EVERYWHERE, customer)


def variant(campaign: Campaign, customer: str) -> int | None:
    """The place of the customer's variant in `campaign.variants`; None: the campaign has none.

    Customers who are held out have one, too: it says what they would have got.
    """
    if not campaign.variants:
        return None
    # The hash as a whole number below the sum of all weights, without a rounding error.
    left = (
        _hash(f"variant/{campaign.key}", customer) * sum(weight for _, weight in campaign.variants)
        >> _HASH_BITS
    )
    for place, (_, weight) in enumerate(campaign.variants):
        left -= weight
        if left < 0:
            return place
    raise AssertionError("the hash is less than the sum of all weights")


def _falls_within(share: float, salt: str, customer: str) -> bool:
    return share > 0 and _hash(salt, customer) / _HASHES < share


def _hash(salt: str, customer: str) -> int:
    digest: int = xxh3_64_intdigest(f"{salt}/{customer}".encode())
    return digest
