from __future__ import annotations

import math
import struct
import threading
from base64 import b64decode
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from models.engine import Completion, EngineError, GenerationCancelled, RequestRefused, Token
from models.scripted import Reply, ScriptedEngine, echo
from tests.models.asking import ask, chat, embed
from tests.models.waiting import until


@pytest.fixture
def build() -> Iterator[Callable[..., ScriptedEngine]]:
    engines = []

    def build_one(*args: Any, **settings: Any) -> ScriptedEngine:
        engines.append(ScriptedEngine(*args, **settings))
        return engines[-1]

    yield build_one
    for engine in engines:
        engine.close()


Build = Callable[..., ScriptedEngine]


def test_it_says_what_the_script_has_for_a_prompt_a_word_per_token(build: Build) -> None:
    engine = build({"hi": "Hello there, friend."})
    found: list[Token] = []

    completion = engine.submit("1", ask("hi"), found.append).result()

    assert [(token.index, token.text) for token in found] == [(0, "Hello"), (1, " there,"), (2, " friend.")]
    assert (completion.text, completion.finish_reason) == ("Hello there, friend.", "stop")
    assert (completion.prompt_tokens, completion.completion_tokens) == (1, 3)


def test_a_conversation_is_looked_up_by_what_was_said_last(build: Build) -> None:
    engine = build({"bye": "Farewell"})

    assert engine.submit("1", chat(("user", "hi"), ("user", "bye")), lambda _: None).result().text == "Farewell"


def test_without_a_script_it_echoes_the_prompt_until_max_tokens(build: Build) -> None:
    completion = build().submit("1", ask("to be", max_tokens=5), lambda _: None).result()

    assert (completion.text, completion.finish_reason) == (" to be to be to", "length")


def test_a_script_may_be_a_function_and_ignoring_the_end_starts_over(build: Build) -> None:
    engine = build(lambda request: Reply(pieces=(request.prompt, "!")))

    assert engine.submit("1", ask("a", max_tokens=5, ignore_eos=True), lambda _: None).result().text == "a!a!a"


def test_it_goes_on_from_emitted_tokens(build: Build) -> None:
    engine = build({"hi": "one two three four"})
    whole: list[Token] = []
    rest: list[Token] = []
    completion = engine.submit("1", ask("hi", stop=("our",)), whole.append).result()

    resumed = engine.submit(
        "2", ask("hi", stop=("our",)), rest.append, emitted=tuple(token.id for token in whole[:2])
    ).result()

    assert completion.text == resumed.text == "one two three f"
    assert rest == whole[2:]


def test_it_fails_after_some_tokens_or_refuses_at_once_as_told(build: Build) -> None:
    refusal = RequestRefused("no such thing", code="x", field="input")
    engine = build({"fail": Reply("one two", error=EngineError("broke")), "refuse": Reply(error=refusal)})
    found: list[Token] = []

    with pytest.raises(EngineError, match="broke"):
        engine.submit("1", ask("fail"), found.append).result()
    assert len(found) == 2
    assert engine.submit("2", ask("refuse"), found.append).exception(timeout=0) is refusal


def test_a_reply_is_held_until_it_is_released_while_others_go_on(build: Build) -> None:
    released = threading.Event()
    engine = build({"hold": Reply("late", released=released), "go": "now"})
    held = engine.submit("held", ask("hold"), lambda _: None)

    assert engine.submit("go", ask("go"), lambda _: None).result().text == "now"
    assert not held.done()
    released.set()
    assert held.result().text == "late"


def test_a_held_request_can_be_cancelled_as_can_one_that_waits_behind_it(build: Build) -> None:
    engine = build({"hold": Reply("late", released=threading.Event())}, slots=1)
    running = engine.submit("running", ask("hold"), lambda _: None)
    waiting = engine.submit("waiting", ask("hold"), lambda _: None)

    engine.cancel("waiting")
    engine.cancel("running")

    for future in (running, waiting):
        with pytest.raises(GenerationCancelled):
            future.result(timeout=60)


def test_one_that_goes_first_takes_the_next_slot_before_those_that_wait(build: Build) -> None:
    engine = build({"run": Reply("on and ", is_endless=True)}, slots=1, context_tokens=2**41)
    in_slot = threading.Event()
    order: list[str] = []
    running = engine.submit("running", ask("run", max_tokens=2**40), lambda _: in_slot.set())
    assert in_slot.wait(60)

    def submit(name: str, **options: Any) -> Future[Completion]:
        said = order.append
        return engine.submit(name, ask(name), lambda token: said(token.text), on_start=lambda: said(name), **options)

    waits, first = submit("waits"), submit("first", goes_first=True)
    assert order == []
    engine.cancel("running")

    assert isinstance(running.exception(timeout=60), GenerationCancelled)
    for future in (waits, first):
        future.result(timeout=60)
    assert list(dict.fromkeys(order)) == ["first", " first", "waits", " waits"]


def test_a_thread_that_hangs_shows_in_the_seconds_since_progress(build: Build) -> None:
    now = [100.0]
    engine = build({"hang": Reply("x", hangs=True)}, clock=lambda: now[0], flush_timeout_seconds=60)
    in_step = threading.Event()
    assert engine.seconds_since_progress() == 0
    engine.submit("first", ask("to be"), lambda _: in_step.set(), company_expected=True)
    hanging = engine.submit("hanging", ask("hang"), lambda _: None)

    assert in_step.wait(60)
    now[0] += 42

    assert engine.seconds_since_progress() == 42
    engine.close()
    assert isinstance(hanging.exception(timeout=0), GenerationCancelled)


def test_an_idle_engine_waits_for_expected_company(build: Build) -> None:
    engine = build(slots=4, flush_timeout_seconds=600)
    order: list[str] = []

    def says(name: str) -> Callable[[Token], None]:
        return lambda _: order.append(name)

    futures = [
        engine.submit(name, ask("to be", max_tokens=3), says(name), company_expected=name != "c") for name in "abc"
    ]
    for future in futures:
        future.result()

    assert "".join(order) == "abcabcabc"


def test_full_slots_end_the_wait_for_company(build: Build) -> None:
    engine = build(slots=2, flush_timeout_seconds=600)

    futures = [
        engine.submit(str(number), ask("to be", max_tokens=3), lambda _: None, company_expected=True)
        for number in range(2)
    ]

    assert [future.result(timeout=60).completion_tokens for future in futures] == [3, 3]


def test_a_step_lasts_as_long_as_it_is_told(build: Build) -> None:
    now = [0.0]
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        now[0] += seconds

    engine = build(step_seconds=0.25, clock=lambda: now[0], pause=pause)

    completion = engine.submit("1", ask("to be", max_tokens=5), lambda _: None).result()

    assert pauses == [0.25] * 4
    assert completion.engine_seconds == 1.0


def test_a_prompt_that_does_not_fit_is_refused_with_the_numbers(build: Build) -> None:
    refused = build(context_tokens=4).submit("1", ask("a b c d e"), lambda _: None)

    with pytest.raises(RequestRefused, match=r"5 tokens.* 4 tokens"):
        refused.result()


def test_many_requests_from_many_threads_all_finish_with_their_own_words(build: Build) -> None:
    engine = build(echo, slots=16)
    texts: dict[int, str] = {}

    def work(worker: int) -> None:
        for number in range(worker, 400, 8):
            texts[number] = engine.submit(str(number), ask(f"w{number}", max_tokens=4), lambda _: None).result().text

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert texts == {number: f" w{number}" * 4 for number in range(400)}


def test_with_dimensions_it_makes_up_a_vector_for_each_input_and_always_the_same(build: Build) -> None:
    engine, other = build(dimensions=3), build(dimensions=3)

    completion = engine.submit("1", embed("to be", "or not", (5, 6), "to be"), print).result()
    first, second, third, fourth = (struct.unpack("<3f", b64decode(vector)) for vector in completion.vectors)

    assert first == fourth
    assert len({first, second, third}) == 3
    assert [math.hypot(*vector) for vector in (first, second, third)] == pytest.approx([1.0] * 3, abs=1e-5)
    assert (completion.text, completion.prompt_tokens, completion.completion_tokens) == ("", 8, 0)
    assert other.submit("1", embed("or not"), print).result().vectors == completion.vectors[1:2]


def test_vectors_are_held_back_and_fail_as_the_script_says(build: Build) -> None:
    release = threading.Event()
    script = {"held": Reply(released=release), "fail": Reply(error=EngineError("broke"))}
    engine = build(script, dimensions=3)

    held = engine.submit("1", embed("held"), print)
    with pytest.raises(EngineError, match="broke"):
        engine.submit("2", embed("fail"), print).result()

    assert not held.done()
    release.set()
    assert held.result().vectors


def test_it_makes_either_texts_or_vectors_and_refuses_the_other(build: Build) -> None:
    for engine, request in ((build(), embed("to be")), (build(dimensions=3), ask("to be"))):
        refusal = engine.submit("1", request, print).exception(timeout=0)

        assert isinstance(refusal, RequestRefused)
        assert (refusal.code, refusal.field) == ("unsupported_type", "type")


def test_made_up_log_probabilities_are_those_of_a_distribution_and_only_for_who_asks(build: Build) -> None:
    engine = build({"hi": "Hello there"})
    silent: list[Token] = []
    found: list[Token] = []

    engine.submit("1", ask("hi"), silent.append).result()
    engine.submit("2", ask("hi", logprobs=3), found.append).result()

    assert [token.logprobs for token in silent] == [None, None]
    for token in found:
        assert token.logprobs is not None
        assert token.logprobs.top[0] == token.logprobs.chosen
        assert token.logprobs.chosen.text == token.text
        assert token.logprobs.chosen.logprob == pytest.approx(math.log(0.5))
        assert len({candidate.text for candidate in token.logprobs.top}) == 3
        assert sum(math.exp(candidate.logprob) for candidate in token.logprobs.top) < 1


def test_it_tells_how_busy_it_is_and_what_it_has_done(build: Build) -> None:
    released = threading.Event()
    engine = build(lambda request: Reply(request.prompt, released=released), slots=2)
    asked = [engine.submit(str(number), ask("one two three"), lambda _: None) for number in range(3)]
    until(lambda: engine.load().running == 2)
    load = engine.load()
    assert (load.slots, load.running, load.waiting, load.tokens) == (2, 2, 1, 0)
    released.set()
    for future in asked:
        future.result()
    until(lambda: engine.load().running == 0)
    load = engine.load()
    assert (load.running, load.waiting, load.tokens) == (0, 0, 9)
    assert len(load.steps_by_rows) == 3
    assert load.steps_by_rows[1] >= 3
    assert load.steps_by_rows[2] >= 3
    assert (load.kv_tokens, load.gpu) == (None, None)


def test_tokens_of_an_earlier_attempt_are_not_its_own(build: Build) -> None:
    engine = build({"hi": "one two three"})
    emitted = tuple(token for token in (1, 2))
    engine.submit("1", ask("hi"), lambda _: None, emitted=emitted).result()
    engine.close()
    assert engine.load().tokens == 1
