"""What counts as delivered."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest
from flask import Flask, Response

from api.delivery_of_answers import WatchedBody, has_hung_up, watch_answer


def watched(told: list[str], is_reader_gone: Callable[[], bool] = lambda: False) -> WatchedBody:
    return WatchedBody(
        [b"a", b"b"],
        is_reader_gone=is_reader_gone,
        on_delivered=lambda: told.append("delivered"),
        on_lost=lambda: told.append("lost"),
    )


def test_an_answer_is_delivered_once_the_server_comes_for_more_than_there_is() -> None:
    told: list[str] = []
    body = watched(told)

    assert list(body) == [b"a", b"b"]
    body.close()

    assert told == ["delivered"]


def test_an_answer_is_lost_if_its_last_piece_could_not_be_written() -> None:
    told: list[str] = []
    body = watched(told)
    next(body)
    next(body)
    body.close()
    body.close()

    assert told == ["lost"]


def test_an_answer_is_lost_if_the_client_had_hung_up_before_it_was_written() -> None:
    told: list[str] = []
    body = watched(told, is_reader_gone=lambda: True)

    assert list(body) == [b"a", b"b"]
    assert told == ["lost"]


def test_a_client_that_has_hung_up_is_told_from_one_that_waits() -> None:
    here, there = socket.socketpair()
    with here, there:
        assert not has_hung_up({"gunicorn.socket": here})
        there.sendall(b"G")
        assert not has_hung_up({"gunicorn.socket": here})
        assert here.recv(1) == b"G"
        there.close()
        assert has_hung_up({"gunicorn.socket": here})
    assert not has_hung_up({})


@pytest.mark.parametrize(("status", "expected"), [(200, ["delivered"]), (500, ["delivered"]), (503, [])])
def test_a_problem_that_will_pass_delivers_nothing(status: int, expected: list[str]) -> None:
    app, told = Flask(__name__), list[str]()

    @app.get("/")
    def ask() -> Response:
        watch_answer(on_delivered=lambda: told.append("delivered"), on_lost=lambda: told.append("lost"))
        return Response("text", status)

    assert app.test_client().get("/", buffered=True).status_code == status

    assert told == expected
