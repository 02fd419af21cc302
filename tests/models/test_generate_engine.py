from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from models.engine import EngineError, EngineLoad, GenerationCancelled, RequestRefused, Token
from tests.models.asking import ask
from tests.models.greedy import greedy
from tests.models.waiting import until

Build = Callable[..., Any]


@pytest.fixture
def engine(build: Build) -> Any:
    return build("mistral")


def test_greedy_tokens_equal_those_of_generate(engine: Any, reference: Callable[[str], Any], tokenizer: Any) -> None:
    prompt = "whether 'tis nobler in the mind to suffer"
    found: list[Token] = []

    completion = engine.submit("1", ask(prompt, max_tokens=20), found.append).result()

    assert [token.id for token in found] == greedy(reference("mistral"), tokenizer, prompt, 20)
    assert completion.text == "".join(token.text for token in found)


def test_seeds_stops_and_emitted_tokens_mean_the_same_as_over_slots(build: Build) -> None:
    slow, fast = build("mistral", context_tokens=64), build("mistral", context_tokens=16)
    request = ask("To be", max_tokens=10, temperature=1.2, top_p=0.9, seed=4, ignore_eos=True)
    whole: list[Token] = []
    same: list[Token] = []
    rest: list[Token] = []

    completion = slow.submit("1", request, whole.append).result()
    fast.submit("1", request, same.append).result()
    resumed = slow.submit("2", request, rest.append, emitted=tuple(token.id for token in whole[:4])).result()

    assert same == whole
    assert rest == whole[4:]
    assert resumed.text == completion.text
    stop = completion.text[3:5]
    stopped = slow.submit("3", ask("To be", max_tokens=10, temperature=1.2, top_p=0.9, seed=4, stop=(stop,)), print)
    assert stopped.result().text == completion.text[: completion.text.index(stop)]


def test_requests_run_one_after_the_other_and_can_be_cancelled(engine: Any) -> None:
    found: list[Token] = []
    seen, go_on = threading.Event(), threading.Event()

    def on_token(token: Token) -> None:
        found.append(token)
        if token.index == 1:
            seen.set()
            assert go_on.wait(60)
            engine.cancel("running")

    running = engine.submit("running", ask("To be", max_tokens=50, ignore_eos=True), on_token)
    waiting = engine.submit("waiting", ask("To be", max_tokens=50), found.append)
    last = engine.submit("last", ask("To be", max_tokens=3, ignore_eos=True), lambda _: None)
    assert seen.wait(60)
    engine.cancel("waiting")
    assert isinstance(waiting.exception(timeout=0), GenerationCancelled)
    go_on.set()

    assert isinstance(running.exception(timeout=60), GenerationCancelled)
    assert len(found) == 2
    assert last.result().completion_tokens == 3


def test_a_failing_request_and_a_closed_engine_leave_nobody_waiting(engine: Any) -> None:
    def broken(_: Token) -> None:
        raise KeyError("nobody listens")

    assert isinstance(engine.submit("1", ask("To be"), broken).exception(timeout=60), EngineError)
    assert isinstance(engine.submit("2", ask(""), broken).exception(timeout=0), RequestRefused)
    long = engine.submit("3", ask("To be", max_tokens=100, ignore_eos=True), lambda _: None)

    engine.close()

    assert long.done()


def test_it_tells_how_busy_it_is_and_knows_of_no_cache(engine: Any) -> None:
    loads: list[EngineLoad] = []
    others: list[Any] = []

    def look(token: Token) -> None:
        if token.index == 0:
            others.append(engine.submit("2", ask("Or not", max_tokens=2, ignore_eos=True), lambda _: None))
        loads.append(engine.load())

    engine.submit("1", ask("To be", max_tokens=3, ignore_eos=True), look).result(60)
    others[0].result(60)
    until(lambda: engine.load().running == 0)

    assert [(load.slots, load.running, load.waiting) for load in loads] == [(1, 1, 1)] * 3
    assert engine.load() == EngineLoad(slots=1, running=0, waiting=0, tokens=5, steps_by_rows=(0, 2))
