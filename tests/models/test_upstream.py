from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from jobs.request import Candidate, TokenLogprobs
from models.catalog import Upstream
from models.engine import EngineBusy, EngineError, EngineLoad, GenerationCancelled, RequestRefused, Token
from models.upstream import UpstreamEngine
from tests.models.asking import ask, chat, embed
from tests.models.openai_stand_in import (
    DONE,
    Behaviour,
    HangUp,
    Problem,
    Silence,
    StandIn,
    Stream,
    delta,
    event,
    piece,
    says,
    usage,
)

KEY = "sk-very/secret"
SECONDS = 60


class Pair:
    """An engine and the stand-in that it asks."""

    def __init__(
        self,
        server: StandIn,
        *,
        slots: int = 4,
        api_key: str | None = None,
        clock: Any = time.monotonic,
        **changes: Any,
    ) -> None:
        self.server = server
        upstream = replace(Upstream(url=server.url, model="theirs"), **changes)
        self.engine = UpstreamEngine(upstream, slots=slots, api_key=api_key, clock=clock)

    def close(self) -> None:
        self.engine.close()
        self.server.close()

    def text(self, request: Any = None) -> str:
        return self.engine.submit("1", request or ask("hi"), lambda _: None).result(SECONDS).text

    def error(self, request: Any = None) -> EngineError:
        error = self.engine.submit("1", request or ask("hi"), lambda _: None).exception(SECONDS)
        assert isinstance(error, EngineError)
        return error


@pytest.fixture
def make(request: pytest.FixtureRequest) -> Callable[..., Pair]:
    def make_one(*behaviours: Behaviour, script: Any = None, **options: Any) -> Pair:
        pair = Pair(StandIn(*behaviours, script=script), **options)
        request.addfinalizer(pair.close)
        return pair

    return make_one


Make = Callable[..., Pair]


def is_transient(error: EngineError) -> bool:
    return type(error) is EngineError


def test_every_event_with_text_is_a_token_and_the_server_counts(make: Make) -> None:
    pair = make(
        Stream([piece(" To"), piece(" be"), piece("", finish_reason="length"), usage(7, 5, cached_tokens=4), DONE])
    )
    found: list[Token] = []

    completion = pair.engine.submit("1", ask("hi"), found.append).result(SECONDS)

    assert found == [Token(0, -1, " To"), Token(1, -1, " be")]
    assert (completion.text, completion.finish_reason) == (" To be", "length")
    assert (completion.prompt_tokens, completion.completion_tokens, completion.cached_tokens) == (7, 5, 4)


def test_without_usage_the_tokens_are_counted_here(make: Make) -> None:
    pair = make(Stream([piece("a"), piece("b", finish_reason="stop"), DONE]))

    completion = pair.engine.submit("1", ask("hi"), lambda _: None).result(SECONDS)

    assert (completion.prompt_tokens, completion.completion_tokens) == (0, 2)


def test_a_conversation_goes_to_chat_completions_with_every_parameter_it_has(make: Make) -> None:
    pair = make(Stream([delta("", role="assistant"), delta("Well"), delta(None, finish_reason="stop"), DONE]))
    request = chat(
        ("system", "Be brief"), ("user", "hi"), max_tokens=9, temperature=0.5, top_p=0.9, seed=3, stop=("x",)
    )

    assert pair.text(request) == "Well"

    asked = pair.server.next_asked()
    assert asked.path == "/v1/chat/completions"
    assert asked.body == {
        "model": "theirs",
        "messages": [{"role": "system", "content": "Be brief"}, {"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 9,
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 3,
        "stop": ["x"],
    }


def test_a_prompt_goes_to_completions_and_what_openai_does_not_know_only_if_it_is_asked_for(make: Make) -> None:
    pair = make(says("Yes"))

    pair.text(ask("To be,"))
    pair.text(ask("To be,", top_k=5, ignore_eos=True))

    plain, special = pair.server.next_asked(), pair.server.next_asked()
    assert plain.path == "/v1/completions"
    assert plain.body["prompt"] == "To be,"
    assert not plain.body.keys() & {"top_k", "ignore_eos", "stop", "messages"}
    assert (special.body["top_k"], special.body["ignore_eos"]) == (5, True)


def chat_told(content: str | None, *tokens: str, top: int = 2) -> bytes:
    """A part of a chat completion with the log probabilities of *tokens*."""
    likeliest = [{"token": f"t{place}", "logprob": -1.0 - place, "bytes": None} for place in range(top)]
    told = [{"token": token, "logprob": -0.5, "bytes": None, "top_logprobs": likeliest} for token in tokens]
    choice = {"index": 0, "delta": {"content": content}, "logprobs": {"content": told}, "finish_reason": None}
    return event({"object": "chat.completion.chunk", "choices": [choice]})


def text_told(text: str, *tokens: str, **changes: Any) -> bytes:
    """A part of a text completion with the log probabilities of *tokens*."""
    told = {
        "tokens": list(tokens),
        "token_logprobs": [-0.5] * len(tokens),
        "top_logprobs": [{"low": -3.0, "high": -0.25, token: -0.5} for token in tokens],
        "text_offset": [0] * len(tokens),
    }
    choice = {"index": 0, "text": text, "logprobs": told | changes, "finish_reason": None}
    return event({"object": "text_completion", "choices": [choice]})


def test_log_probabilities_are_asked_for_and_read_from_a_chat(make: Make) -> None:
    end = delta(None, finish_reason="stop")
    pair = make(Stream([delta("", role="assistant"), chat_told(" To", " To"), chat_told("", "\ufffd"), end, DONE]))
    found: list[Token] = []

    pair.engine.submit("1", chat(("user", "hi"), logprobs=1), found.append).result(SECONDS)

    asked = pair.server.next_asked().body
    assert (asked["logprobs"], asked["top_logprobs"]) == (True, 1)
    top = (Candidate("t0", -1.0),)
    assert found == [
        Token(0, -1, " To", TokenLogprobs(Candidate(" To", -0.5), top)),
        Token(1, -1, "", TokenLogprobs(Candidate("\ufffd", -0.5), top)),
    ]


def test_log_probabilities_are_asked_for_and_read_from_a_completion(make: Make) -> None:
    pair = make(Stream([text_told(" To", " To"), piece("", finish_reason="stop"), DONE]))
    found: list[Token] = []

    pair.engine.submit("1", ask("hi", logprobs=2), found.append).result(SECONDS)

    assert pair.server.next_asked().body["logprobs"] == 2
    (token,) = found
    assert token.logprobs == TokenLogprobs(Candidate(" To", -0.5), (Candidate("high", -0.25), Candidate(" To", -0.5)))


def test_a_logarithm_of_nothing_becomes_a_number(make: Make) -> None:
    part = text_told("a", "a", token_logprobs=[float("-inf")], top_logprobs=None)
    pair = make(Stream([part, piece("", finish_reason="stop"), DONE]))
    found: list[Token] = []

    pair.engine.submit("1", ask("hi", logprobs=2), found.append).result(SECONDS)

    assert found[0].logprobs == TokenLogprobs(Candidate("a", -9999.0))


@pytest.mark.parametrize("part", [text_told("To be", "To", " be"), text_told("To"), piece("To")])
def test_a_server_that_tells_none_of_each_token_cannot_serve_log_probabilities(make: Make, part: bytes) -> None:
    refusal = make(Stream([part], goes_on=True)).error(ask("hi", logprobs=0))

    assert isinstance(refusal, RequestRefused)
    assert (refusal.code, refusal.field) == ("unsupported_value", "params.logprobs")


@pytest.mark.parametrize(
    "change",
    [{"token_logprobs": ["likely"]}, {"token_logprobs": [float("nan")]}, {"token_logprobs": []}, {"tokens": 3}],
)
def test_log_probabilities_that_make_no_sense_are_an_error_only_where_they_are_asked_for(
    make: Make, change: dict[str, Any]
) -> None:
    pair = make(Stream([text_told("To", "To", **change), piece("", finish_reason="stop"), DONE]))

    assert pair.text(ask("hi")) == "To"
    assert is_transient(pair.error(ask("hi", logprobs=0)))


def test_a_request_that_is_cancelled_says_how_long_the_server_had_it(make: Make) -> None:
    pair = make(Stream([piece(" To")], goes_on=True))
    seen = threading.Event()
    future = pair.engine.submit("1", ask("hi"), lambda _: seen.set())
    assert seen.wait(SECONDS)

    pair.engine.cancel("1")

    cancelled = future.exception(SECONDS)
    assert isinstance(cancelled, GenerationCancelled)
    assert cancelled.spent.engine_seconds > 0
    assert cancelled.spent.prompt_tokens == 0


def test_the_key_and_the_headers_of_the_configuration_are_sent(make: Make) -> None:
    pair = make(says("Yes"), api_key=KEY, headers={"X-Team": "bard"})
    bare = make(says("Yes"))

    pair.text()
    bare.text()

    headers = pair.server.next_asked().headers
    assert (headers["Authorization"], headers["X-Team"]) == (f"Bearer {KEY}", "bard")
    assert "Authorization" not in bare.server.next_asked().headers


def test_embeddings_are_refused_and_the_server_is_not_asked(make: Make) -> None:
    pair = make(says("hi"))

    refusal = pair.error(embed("hi"))

    assert isinstance(refusal, RequestRefused)
    assert (refusal.code, refusal.field) == ("unsupported_type", "type")
    assert pair.server.asked.empty()


def test_a_connection_is_used_again_and_replaced_when_the_server_has_ended_it(make: Make) -> None:
    pair = make(says("one"), says("two"), HangUp(), says("three"), slots=1)

    assert [pair.text() for _ in range(3)] == [" one", " two", " three"]

    assert pair.server.connections == 2


def test_a_server_that_hangs_up_on_a_new_connection_is_an_error_that_may_pass(make: Make) -> None:
    assert is_transient(make(HangUp()).error())


def test_a_server_that_is_not_there_is_an_error_that_may_pass(make: Make) -> None:
    pair = make(says("never"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        engine = UpstreamEngine(Upstream(url=gone, model="theirs"), slots=1)
        error = engine.submit("1", ask("hi"), lambda _: None).exception(SECONDS)
        engine.close()

    assert isinstance(error, EngineError)
    assert is_transient(error)
    assert "connection refused" in str(error)
    assert pair.text() == " never"


@pytest.mark.parametrize(
    "behaviour",
    [
        Problem(500, {"error": {"message": "out of memory"}}),
        Problem(502, b"<html>"),
        Problem(429, {"error": {"message": "slow down"}}),
        Problem(503, {}, {"Retry-After": "soon"}),
        Problem(408, {}),
        Problem(401, {"error": {"message": f"Incorrect API key: {KEY}"}}),
        Problem(403, {}),
        Problem(307, {}, {"Location": "http://elsewhere.invalid/"}),
        Problem(200, {"choices": []}),
        Stream([b"<html>", b"<body>"]),
        Stream([b"data: {nonsense}\n\n"]),
        Stream([b"data: [1, 2]\n\n"]),
        Stream([b"data: \xff\n\n"]),
        Stream([event({"choices": [{"text": 5}]})]),
        Stream([event({"choices": "none"})]),
        Stream([piece("cut"), piece(" off")]),
        Stream([piece("cut"), DONE]),
        Stream([piece("cut")], breaks_off=True),
        Stream([piece("x", finish_reason="tool_calls"), DONE]),
        Stream([piece("x"), event({"error": {"message": "overloaded", "code": 500}})]),
        Stream([piece("x"), event({"error": {"message": "overloaded", "code": "rate_limit_exceeded"}})]),
        Stream([b"data: " + b"x" * 70_000], goes_on=True),
        Stream([b"data:\n" * 10_000], goes_on=True),
        Stream([piece("x" * 100_000)], goes_on=True),
    ],
)
def test_what_another_attempt_may_mend_is_an_engine_error_without_a_secret(make: Make, behaviour: Behaviour) -> None:
    error = make(behaviour, api_key=KEY).error()

    assert is_transient(error), repr(error)
    assert KEY not in str(error)
    assert len(str(error)) < 300


@pytest.mark.parametrize(
    ("behaviour", "message", "field"),
    [
        (
            Problem(400, {"error": {"message": "top_k is unknown", "param": "top_k"}}),
            "top_k is unknown",
            "params.top_k",
        ),
        (Problem(400, {"object": "error", "message": "too\nlong", "param": None}), "too long", "input"),
        (Problem(404, {"error": {"message": "no such model"}}), "no such model", "input"),
        (Problem(413, b"<html>"), "the model's server refused the request", "input"),
        (Problem(422, {"error": {"message": f"bad key {KEY}"}}), "bad key ***", "input"),
        (Problem(400, {"error": {"message": "so " * 1000}}), "so so so", "input"),
        (Stream([event({"error": {"message": "too long", "code": 400}})]), "too long", "input"),
        (Stream([event({"error": {"message": "too long", "type": "invalid_request_error"}})]), "too long", "input"),
    ],
)
def test_a_request_that_the_server_refuses_is_refused_in_its_own_words(
    make: Make, behaviour: Behaviour, message: str, field: str
) -> None:
    error = make(behaviour, api_key=KEY).error()

    assert isinstance(error, RequestRefused)
    assert (error.code, error.field) == ("upstream_refused", field)
    assert str(error).startswith(message)
    assert len(str(error)) < 600


def test_a_completion_that_the_servers_filter_withholds_is_refused(make: Make) -> None:
    error = make(Stream([piece("I"), piece("", finish_reason="content_filter"), DONE])).error()

    assert isinstance(error, RequestRefused)
    assert error.code == "content_filtered"


@pytest.mark.parametrize(
    ("status", "header", "seconds"),
    [
        (429, "7", 7),
        (503, "1.5", 1.5),
        (429, "0", 1),
        (429, "999999999", 3600),
        (503, "Wed, 21 Oct 2015 07:28:00 GMT", 1),
        (429, "Wed, 21 Oct 2815 07:28:00 GMT", 3600),
    ],
)
def test_a_server_that_names_a_time_to_wait_is_busy_for_a_sane_while(
    make: Make, status: int, header: str, seconds: float
) -> None:
    error = make(Problem(status, {}, {"Retry-After": header})).error()

    assert isinstance(error, EngineBusy)
    assert error.retry_after_seconds == seconds


def test_a_busy_server_is_left_alone_until_the_time_is_over(make: Make) -> None:
    now = [100.0]
    pair = make(Problem(429, {}, {"Retry-After": "30"}), says("back again"), clock=lambda: now[0])
    pair.error()
    now[0] += 20

    error = pair.error()

    assert isinstance(error, EngineBusy)
    assert error.retry_after_seconds == 10
    assert pair.server.asked.qsize() == 1
    now[0] += 10
    assert pair.text() == " back again"


@pytest.mark.parametrize("header", ["", "soon", "nan", "inf", "Wed, 99 Oct 2015"])
def test_a_time_to_wait_that_cannot_be_read_is_no_time(make: Make, header: str) -> None:
    assert is_transient(make(Problem(429, {}, {"Retry-After": header})).error())


def test_a_stream_whose_completion_is_finished_may_lack_its_end(make: Make) -> None:
    pair = make(Stream([piece("whole", finish_reason="stop")], breaks_off=True))

    assert pair.text() == "whole"


def test_pieces_may_come_cut_anywhere_and_lines_may_end_either_way(make: Make) -> None:
    whole = b": hello\r\n\r\n" + piece(" Ade\u0301 \U0001f339", finish_reason="stop").replace(b"\n", b"\r\n") + DONE
    pair = make(Stream([whole[at : at + 1] for at in range(len(whole))]))

    assert pair.text() == " Ade\u0301 \U0001f339"


def test_half_of_a_surrogate_pair_becomes_a_character_that_can_be_kept(make: Make) -> None:
    assert make(Stream([piece("a\ud83d"), piece("b", finish_reason="stop"), DONE])).text() == "a\ufffdb"


def test_a_server_that_never_begins_is_given_up_in_time(make: Make) -> None:
    error = make(Silence(), first_token_timeout_seconds=0.2).error()

    assert is_transient(error)
    assert "0.2 s" in str(error)


def test_signs_of_life_do_not_stand_for_a_first_token(make: Make) -> None:
    error = make(Stream([b": alive\n\n"], goes_on=True), first_token_timeout_seconds=0.3).error()

    assert is_transient(error)
    assert "no token in time" in str(error)


def test_a_stream_that_falls_silent_is_given_up_in_time(make: Make) -> None:
    never = threading.Event()
    pair = make(Stream([piece("so"), never]), read_timeout_seconds=0.2)
    found: list[Token] = []

    error = pair.engine.submit("1", ask("hi"), found.append).exception(SECONDS)
    never.set()

    assert isinstance(error, EngineError)
    assert "fell silent" in str(error)
    assert len(found) == 1


def test_a_cancel_while_streaming_closes_the_connection(make: Make) -> None:
    pair = make(Stream([piece("on and on")], goes_on=True))
    speaks = threading.Event()
    running = pair.engine.submit("1", ask("hi", max_tokens=100_000), lambda _: speaks.set())
    assert speaks.wait(SECONDS)

    pair.engine.cancel("1")

    with pytest.raises(GenerationCancelled):
        running.result(0)
    assert pair.server.next_gone().body["prompt"] == "hi"


@pytest.mark.parametrize("parts", [None, [], [piece("a")]], ids=["before the answer", "before a token", "after one"])
def test_a_cancel_reaches_a_read_that_is_blocked(make: Make, parts: list[bytes] | None) -> None:
    never = threading.Event()
    first = Silence() if parts is None else Stream([*parts, never])
    pair = make(first, says("next"), slots=1, first_token_timeout_seconds=SECONDS, read_timeout_seconds=SECONDS)
    blocked = pair.engine.submit("1", ask("hi"), lambda _: None)
    pair.server.next_asked()

    pair.engine.cancel("1")

    with pytest.raises(GenerationCancelled):
        blocked.result(0)
    assert pair.engine.submit("2", ask("hi"), lambda _: None).result(SECONDS / 2).text == " next"
    never.set()


def test_a_request_that_waits_for_a_slot_is_cancelled_and_never_sent(make: Make) -> None:
    released = threading.Event()
    pair = make(Stream([released, piece("first", finish_reason="stop"), DONE]), says("third"), slots=1)
    first = pair.engine.submit("1", ask("one"), lambda _: None)
    second = pair.engine.submit("2", ask("two"), lambda _: None)
    third = pair.engine.submit("3", ask("three"), lambda _: None)

    pair.engine.cancel("2")

    with pytest.raises(GenerationCancelled):
        second.result(0)
    released.set()
    assert (first.result(SECONDS).text, third.result(SECONDS).text) == ("first", " third")
    assert [pair.server.next_asked().body["prompt"] for _ in range(2)] == ["one", "three"]


def test_no_more_requests_than_slots_are_with_the_server(make: Make) -> None:
    lock, released = threading.Lock(), threading.Event()
    now, most = 0, 0
    full = threading.Event()

    def script(_: Any) -> Behaviour:
        nonlocal now, most

        def parts() -> Iterator[bytes]:
            nonlocal now, most
            with lock:
                now += 1
                most = max(most, now)
                if now == 3:
                    full.set()
            assert released.wait(SECONDS)
            with lock:
                now -= 1
            yield piece("x", finish_reason="stop")

        return Stream(parts())

    pair = make(script=script, slots=3)
    futures = [pair.engine.submit(str(number), ask("hi"), lambda _: None) for number in range(12)]
    assert full.wait(SECONDS)
    released.set()

    assert [future.result(SECONDS).text for future in futures] == ["x"] * 12
    assert most == 3


def test_closing_ends_what_runs_and_what_waits(make: Make) -> None:
    pair = make(Silence(), slots=1)
    futures = [pair.engine.submit(str(number), ask("hi"), lambda _: None) for number in range(3)]
    pair.server.next_asked()

    pair.engine.close()

    assert all(isinstance(future.exception(0), GenerationCancelled) for future in futures)
    assert "closed" in str(pair.error())


def test_one_id_is_in_the_engine_once(make: Make) -> None:
    pair = make(Silence())
    pair.engine.submit("1", ask("hi"), lambda _: None)

    assert "already" in str(pair.error())


def test_a_listener_that_fails_ends_its_own_request_alone(make: Make) -> None:
    pair = make(says("some words"))

    def fail(_: Token) -> None:
        raise ValueError("no room")

    assert "no room" in str(pair.engine.submit("1", ask("hi"), fail).exception(SECONDS))
    assert pair.text() == " some words"


def test_a_slow_server_is_no_stuck_engine(make: Make) -> None:
    pair = make(Silence())
    pair.engine.submit("1", ask("hi"), lambda _: None)
    pair.server.next_asked()

    assert pair.engine.seconds_since_progress() == 0


def test_many_requests_at_once_get_their_own_words_while_others_are_cancelled(make: Make) -> None:
    def script(asked: Any) -> Behaviour:
        return Silence() if asked.body["prompt"] == "stop" else says(f"re {asked.body['prompt']}")

    pair = make(script=script, slots=8)
    texts: dict[int, str] = {}

    def work(worker: int) -> None:
        for number in range(worker, 80, 4):
            lost = pair.engine.submit(f"lost {number}", ask("stop"), lambda _: None)
            kept = pair.engine.submit(f"kept {number}", ask(f"w{number}"), lambda _: None)
            pair.engine.cancel(f"lost {number}")
            assert isinstance(lost.exception(SECONDS), GenerationCancelled)
            texts[number] = kept.result(SECONDS).text

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert texts == {number: f" re w{number}" for number in range(80)}


def test_it_tells_how_busy_it_is_and_what_came(make: Make) -> None:
    engine = make(script=lambda _: says("one two three"), slots=1).engine
    loads: list[EngineLoad] = []
    others: list[Any] = []

    def look(token: Token) -> None:
        if token.index == 0:
            others.append(engine.submit("2", ask("hi"), lambda _: None))
        loads.append(engine.load())

    engine.submit("1", ask("hi"), look).result(SECONDS)
    others[0].result(SECONDS)

    assert loads == [EngineLoad(slots=1, running=1, waiting=1, tokens=count) for count in (1, 2, 3)]
    assert engine.load() == EngineLoad(slots=1, running=0, waiting=0, tokens=6)


def test_what_came_of_a_request_still_counts_when_it_is_asked_again_under_its_id(make: Make) -> None:
    engine = make(script=lambda _: says("one two three"), slots=2).engine
    others: queue.Queue[Any] = queue.Queue()

    def begin_again(_: Token) -> None:
        engine.cancel("1")
        others.put(engine.submit("1", ask("hi"), lambda _: None))

    cancelled = engine.submit("1", ask("hi"), begin_again)
    others.get(timeout=SECONDS).result(SECONDS)

    assert isinstance(cancelled.exception(SECONDS), GenerationCancelled)
    assert engine.load().tokens == 1 + 3
