"""Knocking at brokers that are not there; what of them is used further."""

from streamproc.transport.brokers import Brokers
from streamproc.transport.checks import Door, look_at_brokers, through
from tests.servers.process import free_port


async def test_each_address_says_why_it_does_not_answer() -> None:
    """Nothing else is asked then."""
    port = free_port()
    facts = await look_at_brokers(Brokers(f"127.0.0.1:{port},nohost.invalid:9092"))
    assert [door.address for door in facts.doors] == [f"127.0.0.1:{port}", "nohost.invalid:9092"]
    assert "nothing listens there" in facts.doors[0].error
    assert "no host of that name" in facts.doors[1].error
    assert all(door.fix for door in facts.doors)
    assert (facts.advertised, facts.versions) == ((), {})


async def test_an_address_of_version_6_keeps_its_brackets() -> None:
    """Or its port could not be told from it."""
    facts = await look_at_brokers(Brokers(f"[::1]:{free_port()}"))
    assert facts.doors[0].address.startswith("[::1]:")


def test_only_addresses_that_answer_are_asked_further() -> None:
    doors = (Door("a:1"), Door("b:2", "closed", "open it"), Door("c:3"))
    assert through(Brokers("a:1,b:2,c:3"), doors) == Brokers("a:1,c:3")
