from __future__ import annotations

import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from jobs.request import TokenLogprobs
from models.catalog import ModelConfig
from models.engine import EngineError, EngineLoad, GenerationCancelled, RequestRefused, Spent, Token
from models.intake import Intake
from models.pretrained import engine_for
from models.tokenizer import Tokenizer
from tests.models.asking import ask, chat, embed
from tests.models.greedy import greedy
from tests.models.tiny import CONTEXT_TOKENS, TEXT, tiny_model
from tests.models.waiting import until

Build = Callable[..., Any]
Reference = Callable[[str], Any]


def prompts(count: int) -> list[str]:
    """Prompts of mixed lengths, always the same."""
    chance = random.Random(4)
    return [TEXT[start : start + chance.randint(1, 120)] for start in chance.sample(range(1, 90), count)]


def ids(tokens: list[Token]) -> list[int]:
    return [token.id for token in tokens]


@pytest.mark.parametrize("name", ["llama", "qwen3"])
def test_greedy_tokens_equal_those_of_generate_alone_and_in_a_full_batch(
    name: str, build: Build, reference: Reference, tokenizer: Any
) -> None:
    engine = build(name, slots=8, prefill_chunk=16)
    texts = prompts(10)
    expected = [greedy(reference(name), tokenizer, text, 16) for text in texts]
    found: list[list[Token]] = [[] for _ in texts]

    futures = [
        engine.submit(str(number), ask(text, max_tokens=16), found[number].append) for number, text in enumerate(texts)
    ]
    completions = [future.result() for future in futures]

    assert [ids(tokens) for tokens in found] == expected
    for text, tokens, completion in zip(texts, expected, completions, strict=True):
        assert completion.text == tokenizer.decode(tokens, skip_special_tokens=True)
        assert completion.prompt_tokens == len(tokenizer(text)["input_ids"])
        alone: list[Token] = []
        engine.submit("alone", ask(text, max_tokens=16), alone.append).result()
        assert ids(alone) == tokens


def test_a_request_that_arrives_while_others_decode_joins_them_and_changes_nothing(
    build: Build, reference: Reference, tokenizer: Any
) -> None:
    engine = build(prefill_chunk=8)
    texts = prompts(5)
    expected = [greedy(reference("llama"), tokenizer, text, 20) for text in texts]
    found: list[list[Token]] = [[] for _ in texts]
    order: list[int] = []
    done = threading.Event()
    futures: list[Any] = []

    def submit(number: int) -> None:
        futures.append(engine.submit(str(number), ask(texts[number], max_tokens=20), listener(number)))

    def listener(number: int) -> Callable[[Token], None]:
        def on_token(token: Token) -> None:
            found[number].append(token)
            order.append(number)
            if token.index == 3 and number + 1 < len(texts):
                submit(number + 1)
            if token.index == 3 and number + 1 == len(texts):
                done.set()

        return on_token

    submit(0)
    assert done.wait(60)
    for future in futures:
        future.result()

    assert [ids(tokens) for tokens in found] == expected
    assert order.index(4) < len(order) - 1 - order[::-1].index(0), "the last one started before the first one ended"


def test_a_seeded_request_gets_the_same_tokens_alone_and_in_a_batch(build: Build) -> None:
    engine = build()
    settings = [
        {"temperature": 0.7, "top_p": 0.9, "seed": 5},
        {"temperature": 1.3, "seed": -1},
        {"temperature": 1.0, "top_k": 4, "seed": 2**70},
        {"temperature": 0.9, "top_k": 30, "top_p": 0.5, "seed": 8},
        {"temperature": 0.0},
    ]
    requests = [ask(text, max_tokens=20, **params) for text, params in zip(prompts(5), settings, strict=True)]
    alone: list[list[Token]] = [[] for _ in requests]
    for tokens, request in zip(alone, requests, strict=True):
        engine.submit("alone", request, tokens.append).result()

    together: list[list[Token]] = [[] for _ in requests]
    futures = [engine.submit(str(number), request, together[number].append) for number, request in enumerate(requests)]
    for future in futures:
        future.result()

    assert together == alone
    other: list[Token] = []
    engine.submit("other", ask(prompts(5)[1], max_tokens=20, temperature=1.3, seed=77), other.append).result()
    assert other != alone[1]


def test_an_attempt_goes_on_from_emitted_tokens_as_if_it_had_never_stopped(build: Build) -> None:
    engine = build()
    request = ask("To be, or", max_tokens=24, temperature=1.0, seed=3, stop=("zzz",))
    whole: list[Token] = []
    completion = engine.submit("whole", request, whole.append).result()

    for emitted in (0, 1, 7, len(whole) - 1):
        rest: list[Token] = []
        resumed = engine.submit(f"from {emitted}", request, rest.append, emitted=tuple(ids(whole)[:emitted])).result()

        assert rest == whole[emitted:]
        assert (resumed.text, resumed.completion_tokens) == (completion.text, completion.completion_tokens)

    nothing: list[Token] = []
    finished = engine.submit("all", request, nothing.append, emitted=tuple(ids(whole))).result()
    assert (finished.text, finished.finish_reason, nothing) == (completion.text, completion.finish_reason, [])


def told(tokens: list[Token]) -> list[TokenLogprobs]:
    """The log probabilities of tokens that all have some."""
    return [token.logprobs for token in tokens if token.logprobs is not None]


def same_logprobs(found: list[TokenLogprobs], expected: list[TokenLogprobs]) -> bool:
    flat = [[candidate for one in every for candidate in (one.chosen, *one.top)] for every in (found, expected)]
    texts, numbers = ([[candidate[part] for candidate in every] for every in flat] for part in (0, 1))
    return texts[0] == texts[1] and numbers[0] == pytest.approx(numbers[1], abs=1e-4)


@pytest.mark.parametrize("name", ["llama", "mistral"])
def test_log_probabilities_are_the_models_own_before_temperature_and_cuts(
    name: str, build: Build, reference: Reference, tokenizer: Any
) -> None:
    engine = build(name)
    prompt = "To be, or"
    found: list[Token] = []
    params = {"temperature": 1.5, "top_k": 3, "seed": 5, "ignore_eos": True}
    engine.submit("1", ask(prompt, max_tokens=12, logprobs=5, **params), found.append).result()

    prompt_ids = tokenizer(prompt)["input_ids"]
    with torch.inference_mode():
        logits = reference(name)(input_ids=torch.tensor([[*prompt_ids, *ids(found)]])).logits[0]
    scores = logits.log_softmax(dim=-1)[len(prompt_ids) - 1 : -1]

    for token, score, logprobs in zip(found, scores, told(found), strict=True):
        assert logprobs.chosen.logprob == pytest.approx(score[token.id].item(), abs=1e-4)
        assert logprobs.chosen.text == tokenizer.decode([token.id])
        values, indices = score.topk(5)
        assert [other.logprob for other in logprobs.top] == pytest.approx(values.tolist(), abs=1e-4)
        assert [other.text for other in logprobs.top] == [tokenizer.decode([index]) for index in indices.tolist()]


def test_only_rows_that_ask_get_log_probabilities_and_a_batch_changes_none(build: Build) -> None:
    engine = build()
    asked = [None, 0, 3, None, 5]
    requests = [
        ask(text, max_tokens=12, temperature=1.0, seed=7, logprobs=count)
        for text, count in zip(prompts(5), asked, strict=True)
    ]
    alone: list[list[Token]] = [[] for _ in requests]
    for tokens, request in zip(alone, requests, strict=True):
        engine.submit("alone", request, tokens.append).result()
    together: list[list[Token]] = [[] for _ in requests]
    futures = [engine.submit(str(number), request, together[number].append) for number, request in enumerate(requests)]
    for future in futures:
        future.result()

    for count, one, other in zip(asked, alone, together, strict=True):
        assert [(token.id, token.text) for token in one] == [(token.id, token.text) for token in other]
        assert same_logprobs(told(one), told(other))
        assert len(told(one)) == (0 if count is None else len(one))
        assert all(len(logprobs.top) == count for logprobs in told(one))


def test_an_attempt_that_goes_on_tells_the_same_log_probabilities_as_one_that_never_stopped(build: Build) -> None:
    engine = build()
    request = ask("To be, or", max_tokens=12, temperature=1.0, seed=3, ignore_eos=True, logprobs=2)
    whole: list[Token] = []
    rest: list[Token] = []
    engine.submit("whole", request, whole.append).result()

    engine.submit("rest", request, rest.append, emitted=tuple(ids(whole)[:5])).result()

    assert [token.index for token in rest] == list(range(5, 12))
    assert same_logprobs(told(rest), told(whole)[5:])


def test_a_stop_string_over_several_tokens_ends_the_text_and_never_shows(build: Build) -> None:
    engine = build()
    free: list[Token] = []
    text = engine.submit("free", ask("To be", max_tokens=40, ignore_eos=True), free.append).result().text
    middle = len(text) // 2
    stop = text[middle : middle + 4]
    expected = text[: text.index(stop)]
    found: list[Token] = []

    completion = engine.submit(
        "stopped", ask("To be", max_tokens=40, ignore_eos=True, stop=(stop, "never")), found.append
    ).result()

    assert completion.text == expected
    assert "".join(token.text for token in found) == expected
    assert completion.finish_reason == "stop"
    assert completion.completion_tokens == len(found) < len(free)


def test_the_pieces_of_a_completion_join_to_its_text(build: Build, tokenizer: Any) -> None:
    engine = build()
    found: list[Token] = []

    completion = engine.submit(
        "wild", ask("你", max_tokens=100, temperature=2.0, seed=1, ignore_eos=True), found.append
    ).result()

    assert completion.finish_reason == "length"
    assert [token.index for token in found] == list(range(100))
    assert "".join(token.text for token in found) == completion.text
    assert completion.text == tokenizer.decode(ids(found), skip_special_tokens=True)


def test_a_completion_ends_at_the_end_of_text_token_unless_that_is_ignored(build: Build) -> None:
    engine = build()
    seed = next(seed for seed in range(100) if _ends_early(engine, seed))
    found: list[Token] = []

    engine.submit("on", ask("To", max_tokens=60, temperature=2.0, seed=seed, ignore_eos=True), found.append).result()

    assert len(found) == 60
    assert 0 in ids(found)


def _ends_early(engine: Any, seed: int) -> bool:
    found: list[Token] = []
    completion = engine.submit(
        f"seed {seed}", ask("To", max_tokens=60, temperature=2.0, seed=seed), found.append
    ).result()
    ended: bool = completion.finish_reason == "stop"
    assert ended == (found[-1].id == 0)
    return ended


def test_more_requests_than_slots_wait_for_a_slot_and_all_finish(build: Build) -> None:
    engine = build(slots=2)
    running: set[int] = set()
    most: list[int] = []

    def listener(number: int) -> Callable[[Token], None]:
        def on_token(token: Token) -> None:
            running.add(number)
            most.append(len(running))
            if token.index == 9:
                running.discard(number)

        return on_token

    futures = [
        engine.submit(str(number), ask("To be", max_tokens=10, ignore_eos=True), listener(number))
        for number in range(7)
    ]

    assert [future.result().completion_tokens for future in futures] == [10] * 7
    assert max(most) == 2


def test_a_waiting_request_is_cancelled_at_once_and_a_running_one_before_its_next_token(build: Build) -> None:
    engine = build(slots=1)
    found: list[Token] = []
    seen = threading.Event()
    go_on = threading.Event()

    def on_token(token: Token) -> None:
        found.append(token)
        if token.index == 2:
            seen.set()
            assert go_on.wait(60)
            engine.cancel("running")

    running = engine.submit("running", ask("To be", max_tokens=100, ignore_eos=True), on_token)
    waiting = engine.submit("waiting", ask("or not", max_tokens=5), found.append)
    assert seen.wait(60)

    engine.cancel("waiting")
    assert waiting.done()
    go_on.set()

    for future in (waiting, running):
        with pytest.raises(GenerationCancelled):
            future.result()
    assert len(found) == 3
    engine.cancel("unknown")
    assert engine.submit("running", ask("again", max_tokens=3, ignore_eos=True), found.append).result().text


@pytest.mark.parametrize("name", ["llama", "mistral"])
def test_what_was_spent_is_told_of_a_request_that_had_begun_and_of_no_other(name: str, build: Build) -> None:
    engine = build(name, slots=1)
    seen, go_on = threading.Event(), threading.Event()

    def on_token(token: Token) -> None:
        if token.index == 2:
            seen.set()
            assert go_on.wait(60)
            engine.cancel("running")

    def broken(_: Token) -> None:
        raise KeyError("nobody listens")

    running = engine.submit("running", ask("To be", max_tokens=50, ignore_eos=True), on_token)
    waiting = engine.submit("waiting", ask("or not", max_tokens=5), on_token)
    assert seen.wait(60)
    engine.cancel("waiting")
    go_on.set()
    failing = engine.submit("failing", ask("To be", max_tokens=5), broken)
    prompt_tokens = engine.submit("fine", ask("To be", max_tokens=5), print).result().prompt_tokens

    for future in (running, failing):
        error = future.exception()
        assert isinstance(error, EngineError)
        assert error.spent.prompt_tokens == prompt_tokens
        assert error.spent.engine_seconds > 0
    never_begun = waiting.exception()
    assert isinstance(never_begun, GenerationCancelled)
    assert never_begun.spent == Spent()


def test_a_cancel_takes_effect_within_one_step_also_while_a_long_prompt_is_taken_in(build: Build) -> None:
    engine = build(slots=2, prefill_chunk=8)
    prefilling: list[Any] = []
    was_over: dict[int, bool] = {}

    def on_token(token: Token) -> None:
        if token.index == 3:
            prefilling.append(engine.submit("long", ask("x" * 100, max_tokens=5), lambda _: None))
        if token.index == 6:
            was_over[6] = prefilling[0].done()
            engine.cancel("long")
        if token.index == 7:
            was_over[7] = prefilling[0].done()
            prefilling.append(engine.submit("next", ask("to", max_tokens=3, ignore_eos=True), lambda _: None))

    engine.submit("short", ask("To be", max_tokens=30, ignore_eos=True), on_token).result()

    assert was_over == {6: False, 7: True}
    cancelled = prefilling[0].exception()
    assert isinstance(cancelled, GenerationCancelled)
    assert cancelled.spent.prompt_tokens == 100
    assert prefilling[1].result().completion_tokens == 3


def test_a_listener_that_raises_fails_its_own_request_only(build: Build) -> None:
    engine = build()

    def broken(_: Token) -> None:
        raise KeyError("nobody listens")

    failing = engine.submit("broken", ask("To be", max_tokens=5), broken)
    fine = engine.submit("fine", ask("To be", max_tokens=5, ignore_eos=True), lambda _: None)

    with pytest.raises(EngineError, match="nobody listens"):
        failing.result()
    assert fine.result().completion_tokens == 5


def test_a_prompt_that_does_not_fit_is_refused_with_the_numbers(build: Build, tokenizer: Any) -> None:
    engine = build()
    long = "to be " * 100
    tokens = len(tokenizer(long)["input_ids"])

    refused = engine.submit("long", ask(long, max_tokens=64), lambda _: None)

    assert refused.done()
    with pytest.raises(RequestRefused, match=f"{tokens} tokens.* 128 tokens.*127.*64") as refusal:
        refused.result()
    assert (refusal.value.code, refusal.value.field) == ("context_length_exceeded", "input")


def test_max_tokens_shrinks_to_what_the_prompt_leaves_of_the_context(build: Build, tokenizer: Any) -> None:
    engine = build()
    prompt = "x" * (CONTEXT_TOKENS - 5)
    assert len(tokenizer(prompt)["input_ids"]) == CONTEXT_TOKENS - 5

    completion = engine.submit("full", ask(prompt, max_tokens=50, ignore_eos=True), lambda _: None).result()

    assert (completion.completion_tokens, completion.finish_reason) == (5, "length")


@pytest.mark.parametrize(
    ("request_", "emitted", "code", "field"),
    [
        (ask(""), (), "empty_prompt", "input"),
        (ask("To be", max_tokens=0), (), "invalid_value", "params.max_tokens"),
        (ask("To \ud800be"), (), "invalid_text", "input"),
        (ask("To be"), (5, 99_999), "invalid_token", "emitted"),
        (chat(("user", "hi"), ("system", "late")), (), "invalid_messages", "input.messages"),
        (embed("To be"), (), "unsupported_type", "type"),
    ],
)
def test_what_can_never_be_served_is_refused_at_once(
    request_: Any, emitted: tuple[int, ...], code: str, field: str, build: Build
) -> None:
    refusal = build().submit("refused", request_, lambda _: None, emitted=emitted).exception(timeout=0)

    assert isinstance(refusal, RequestRefused)
    assert (refusal.code, refusal.field) == (code, field)


def test_a_conversation_goes_through_the_chat_template(build: Build) -> None:
    engine = build()
    found: list[list[Token]] = [[], []]

    for tokens, request in zip(
        found, (chat(("user", "to be?"), max_tokens=9), ask("<|user|>to be?\n<|assistant|>", max_tokens=9)), strict=True
    ):
        engine.submit("chat", request, tokens.append).result()

    assert found[0] == found[1]


class Trap(torch.nn.Module):
    """An input embedding that raises, or gives no numbers, for one token once it is set."""

    def __init__(self, embedding: Any) -> None:
        super().__init__()
        self.embedding = embedding
        self.raises_on: int | None = None
        self.breaks_on: int | None = None

    @property
    def weight(self) -> Any:
        return self.embedding.weight

    def forward(self, token_ids: Any) -> Any:
        if self.raises_on is not None and bool((token_ids == self.raises_on).any()):
            raise RuntimeError("device-side assert")
        embedded = self.embedding(token_ids)
        if self.breaks_on is not None:
            embedded = embedded.masked_fill((token_ids == self.breaks_on)[..., None], torch.nan)
        return embedded


@pytest.mark.parametrize("trap", ["raises_on", "breaks_on"])
def test_one_bad_request_fails_alone_and_its_neighbours_do_not_notice(
    trap: str, reference: Reference, tokenizer: Any
) -> None:
    model = tiny_model("llama", len(tokenizer))
    embedding = Trap(model.get_input_embeddings())
    model.set_input_embeddings(embedding)
    intake = Intake(
        tokenizer=Tokenizer(tokenizer), eos_ids=frozenset({0}), vocabulary=len(tokenizer), context_tokens=CONTEXT_TOKENS
    )
    config = ModelConfig(name="trap", file=Path("models.yaml"), threads=1)
    engine = engine_for(model, intake, config=config, slots=3, flush_timeout_seconds=0.0)
    good = ["To be, or", "not to be, that is the question: whether 'tis"]
    expected = [greedy(reference("llama"), tokenizer, text, 12) for text in good]
    setattr(embedding, trap, tokenizer("Q")["input_ids"][0])

    for _ in range(2):
        found: list[list[Token]] = [[], []]
        futures = [
            engine.submit("0", ask(good[0], max_tokens=12), found[0].append),
            engine.submit("bad", ask("nobler in the mind to suffer Q", max_tokens=12), lambda _: None),
            engine.submit("1", ask(good[1], max_tokens=12), found[1].append),
        ]

        with pytest.raises(EngineError):
            futures[1].result()
        for future in (futures[0], futures[2]):
            future.result()
        assert [ids(tokens) for tokens in found] == expected
    engine.close()


def test_closing_cancels_what_runs_and_what_waits_and_refuses_what_comes_later(build: Build) -> None:
    engine = build(slots=1)
    seen = threading.Event()
    futures = [
        engine.submit(str(number), ask("To be", max_tokens=120, ignore_eos=True), lambda _: seen.set())
        for number in range(3)
    ]
    assert seen.wait(60)

    engine.close()

    for future in futures:
        assert future.done()
    assert sum(isinstance(future.exception(), GenerationCancelled) for future in futures) >= 2
    with pytest.raises(EngineError, match="closed"):
        engine.submit("late", ask("To be"), lambda _: None).result()


def test_an_id_can_be_used_again_once_its_request_has_ended(build: Build) -> None:
    engine = build()
    again: list[Any] = []

    def on_token(token: Token) -> None:
        if token.index == 0:
            again.append(engine.submit("same", ask("or not", max_tokens=3), lambda _: None))

    assert engine.submit("same", ask("To be", max_tokens=4, ignore_eos=True), on_token).result()
    with pytest.raises(EngineError, match="already"):
        again[0].result()
    assert engine.submit("same", ask("To be", max_tokens=4), lambda _: None).result()


def test_it_tells_how_busy_it_is_and_what_its_cache_holds(build: Build, tokenizer: Any) -> None:
    engine = build(slots=1)
    loads: list[EngineLoad] = []
    others: list[Any] = []

    def look(token: Token) -> None:
        if token.index == 0:
            others.append(engine.submit("2", ask("Or not", max_tokens=2, ignore_eos=True), lambda _: None))
        loads.append(engine.load())

    engine.submit("1", ask("To be", max_tokens=3, ignore_eos=True), look).result(60)
    others[0].result(60)
    until(lambda: engine.load().running == 0)

    capacity = engine.context_tokens
    stored = len(tokenizer("To be")["input_ids"])
    assert [(load.slots, load.running, load.waiting) for load in loads] == [(1, 1, 1)] * 3
    assert [(load.kv_tokens, load.kv_capacity_tokens) for load in loads] == [(stored + i, capacity) for i in range(3)]
    assert engine.load() == EngineLoad(
        slots=1, running=0, waiting=0, tokens=5, steps_by_rows=(0, 5), kv_tokens=0, kv_capacity_tokens=capacity
    )
