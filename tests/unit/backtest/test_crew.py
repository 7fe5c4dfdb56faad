"""Processes that fail say so."""

import os
from multiprocessing.connection import Connection

import pytest

from streamproc.backtest.crew import crew, receive, send
from streamproc.errors import StreamprocError


def test_a_process_has_what_there_is_and_answers() -> None:
    inherited = object()

    def work(link: Connection) -> None:
        link.send((link.recv(), repr(inherited)))

    with crew([work, work]) as links:
        for number, link in enumerate(links):
            link.send(number)
        assert [receive(link) for link in links] == [(0, repr(inherited)), (1, repr(inherited))]


def test_a_mistake_of_the_users_keeps_its_fix() -> None:
    def work(_: Connection) -> None:
        raise StreamprocError("no room", fix="make some")

    with crew([work]) as (link,), pytest.raises(StreamprocError, match="no room") as raised:
        receive(link)
    assert raised.value.fix == "make some"


def test_a_defect_keeps_its_traceback() -> None:
    def work(_: Connection) -> None:
        raise KeyError("who")

    with crew([work]) as (link,), pytest.raises(RuntimeError, match=r"(?s)Traceback.*KeyError: 'who'"):
        receive(link)


def test_a_process_that_is_killed_is_noticed() -> None:
    def work(_: Connection) -> None:
        os._exit(9)

    with crew([work]) as (link,):
        with pytest.raises(RuntimeError, match="was killed; was there enough memory"):
            receive(link)
        with pytest.raises(RuntimeError, match="was killed; was there enough memory"):
            send(link, "more")


def test_who_goes_on_is_ended() -> None:
    def work(link: Connection) -> None:
        link.send(os.getpid())
        link.recv()

    with crew([work]) as (link,):
        pid = receive(link)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
