"""Who is in which arm: by salted hashes, so that it is the same for ever."""

from xxhash import xxh3_64_intdigest

from tests.reference.campaigns import Campaign, ContactPolicy


def unit(salt: str, customer: str) -> float:
    """A number in [0, 1] that belongs to the customer and the salt."""
    return xxh3_64_intdigest(f"{salt}/{customer}".encode()) / 2**64


def in_holdout_of_all(policy: ContactPolicy, customer: str) -> bool:
    """Whether no campaign ever asks anything of the customer."""
    return unit("holdout", customer) < policy.holdout


def in_holdout(campaign: Campaign, policy: ContactPolicy, customer: str) -> bool:
    """Whether nothing is ever asked of the customer: by any campaign, or by this one."""
    return in_holdout_of_all(policy, customer) or unit(f"holdout/{campaign.key}", customer) < campaign.holdout


def variant_of(campaign: Campaign, customer: str) -> str | None:
    """The customer's variant of a campaign, if it has any."""
    total = sum(weight for _, weight in campaign.variants)
    drawn, reached = unit(f"variant/{campaign.key}", customer), 0
    for name, weight in campaign.variants:
        reached += weight
        if drawn < reached / total:
            return name
    return None
