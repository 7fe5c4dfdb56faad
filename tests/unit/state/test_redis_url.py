"""URLs of one server, of a cluster and of Sentinels; and of none of them."""

import pytest
from redis.asyncio.connection import SSLConnection

from streamproc.state.redis_servers import OneServer, open_servers
from streamproc.state.redis_url import parse_address
from streamproc.state.store import RedisConfigError


def test_one_server() -> None:
    address = parse_address("redis://u:p%40w@h:6380/3")
    assert (address.form, address.where) == ("server", "h:6380")
    assert address.options == {"host": "h", "port": 6380, "db": 3, "username": "u", "password": "p@w"}
    assert parse_address("unix:///run/redis.sock").where == "/run/redis.sock"


def test_a_cluster() -> None:
    address = parse_address("redis+cluster://u:p%40w@a:7000,b,[::1]:7001?socket_timeout=2")
    assert address.form == "cluster"
    assert address.places == (("a", 7000), ("b", 6379), ("::1", 7001))
    assert address.options == {"username": "u", "password": "p@w", "socket_timeout": 2.0}
    assert address.where == "a:7000, b:6379, ::1:7001"
    assert parse_address("redis+cluster://a/0").options == {}


def test_sentinels() -> None:
    address = parse_address(
        "redis+sentinel://u:pw@a,b:26380/my%2Fmaster/2?sentinel_username=s&sentinel_password=t%40"
    )
    assert (address.form, address.primary) == ("sentinel", "my/master")
    assert address.places == (("a", 26379), ("b", 26380))
    assert address.options == {"username": "u", "password": "pw", "db": 2}
    assert address.sentinel == {"username": "s", "password": "t@"}
    assert address.where == "my/master (Sentinels a:26379, b:26380)"


def test_with_tls() -> None:
    query = "?ssl_check_hostname=false"
    cluster, watched = (
        parse_address(f"rediss+cluster://a{query}"),
        parse_address(f"rediss+sentinel://a/x{query}"),
    )
    for address in (cluster, watched):
        assert address.options == {"connection_class": SSLConnection, "ssl_check_hostname": False}
    assert watched.sentinel["ssl_check_hostname"] is False


@pytest.mark.parametrize(
    ("url", "names"),
    [
        ("redis+cluster://s3cret@a:1/1", "no databases but 0"),
        ("redis+cluster://a?db=2", "no databases but 0"),
        ("redis+cluster://", "cannot be used"),
        ("redis+cluster://u:s3cret@a,,b", "cannot be used"),
        ("redis+cluster://u:s3/cret@a:7000", "cannot be used"),
        ("redis+cluster://u:s3cret@a:port", "cannot be used"),
        ("redis+cluster://a?no_such_option=s3cret", "cannot be used"),
        ("redis+sentinel://u:s3cret@a:26379", "name of the primary"),
        ("redis+sentinel://u:s3cret@a:26379/", "name of the primary"),
        ("redis+sentinel://a/x/s3cret", "number of a database"),
        ("redis+sentinel://a/x/1/2", "number of a database"),
        ("redis+sentinel://a/x?no_such_option=s3cret", "cannot be used"),
        ("redis://u:s3cret@a:1,b:2", "cannot be used"),
        ("redis+other://u:s3cret@a", "cannot be used"),
    ],
)
def test_what_cannot_be_used(url: str, names: str) -> None:
    """The message says what is wrong where it is known, what may be there, and nothing that may be a secret."""
    with pytest.raises(RedisConfigError, match=names) as refused:
        open_servers(url)
    assert "redis+cluster://" in refused.value.fix
    assert "s3" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_no_address_shows_its_password() -> None:
    for url in ("redis://u:s3cret@h", "redis+cluster://u:s3cret@h", "redis+sentinel://u:s3cret@h/x"):
        assert "s3cret" not in repr(parse_address(url))


def test_all_shards_of_one_server_have_one_link() -> None:
    """So their commits are one transaction; in a cluster only those of one slot are."""
    one, cluster = open_servers("redis://h"), open_servers("redis+cluster://h")
    assert isinstance(one, OneServer)
    assert one.at(b"a:{1}:x") is one.at(b"a:{2}:x")
    assert cluster.at(b"a:{1}:x") is cluster.at(b"b:{1}:y")
    assert cluster.at(b"a:{1}:x") is not cluster.at(b"a:{2}:x")
