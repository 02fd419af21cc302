from __future__ import annotations

import json
import random
import shutil
import threading
from base64 import b64decode
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer, RobertaConfig, RobertaModel, T5Config, T5Model

from models.catalog import ModelConfig
from models.embedding_intake import EmbeddingIntake
from models.encoder import Encoder
from models.encoder_engine import EncoderEngine
from models.engine import Completion, Engine, EngineError, EngineLoad, GenerationCancelled, RequestRefused
from models.loader import ModelUnavailable, build_engine
from models.tokenizer import Tokenizer
from scripts import random_model
from tests.models.asking import ask, chat, embed
from tests.models.tiny import TEXT
from tests.models.waiting import until

CONTEXT_TOKENS = 1024


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny encoder as it is saved."""
    directory = tmp_path_factory.mktemp("encoder") / "bert"
    random_model.build("tiny", directory, dtype=torch.float32, encoder=True)
    return directory


@pytest.fixture(scope="session")
def reference(folder: Path) -> Callable[[str], Any]:
    """What transformers makes of one text at a time: the mean over its tokens, of length 1."""
    model: Any = AutoModel.from_pretrained(folder)
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)

    def vector(text: str) -> Any:
        with torch.inference_mode():
            states = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        mean = states.mean(dim=0).numpy()
        return mean / np.linalg.norm(mean)

    return vector


def load(folder: Path, *, slots: int = 4, **settings: Any) -> Engine:
    config = ModelConfig(
        name="tiny", file=Path("/etc/models.yaml"), engine="encoder", path=folder, device_map="cpu", **settings
    )
    return build_engine(config, slots=slots, flush_timeout_seconds=0.0)


@pytest.fixture
def engine(folder: Path) -> Iterator[Engine]:
    engine = load(folder)
    yield engine
    engine.close()


def numbers(completion: Completion) -> Any:
    """The vectors [inputs, dimensions]."""
    return np.stack([np.frombuffer(b64decode(vector), "<f4") for vector in completion.vectors])


def texts(count: int, *, seed: int) -> list[str]:
    chance = random.Random(seed)
    return [TEXT[: chance.randint(1, len(TEXT))] for _ in range(count)]


class WatchedEncoder:
    """An encoder that notes the lengths of each batch, and stops at `gate`; it fails, or breaks, on a token."""

    def __init__(self, folder: Path) -> None:
        self.encoder = Encoder(AutoModel.from_pretrained(folder).eval(), padding_id=0)
        self.device = self.encoder.device
        self.lengths: list[list[int]] = []
        self.at_gate, self.gate = threading.Event(), threading.Event()
        self.gate.set()
        self.raises_on = self.breaks_on = -1

    def vectors(self, texts: Sequence[Sequence[int]]) -> Any:
        self.lengths.append([len(text) for text in texts])
        self.at_gate.set()
        assert self.gate.wait(60)
        if any(self.raises_on in text for text in texts):
            raise RuntimeError("device-side assert")
        vectors = self.encoder.vectors(texts).clone()
        vectors[[self.breaks_on in text for text in texts]] = torch.nan
        return vectors


Watched = Callable[..., tuple[EncoderEngine, WatchedEncoder]]


@pytest.fixture
def watched(folder: Path) -> Iterator[Watched]:
    made: list[tuple[EncoderEngine, WatchedEncoder]] = []

    def make(**settings: Any) -> tuple[EncoderEngine, WatchedEncoder]:
        encoder: Any = WatchedEncoder(folder)
        intake = EmbeddingIntake(
            tokenizer=Tokenizer(AutoTokenizer.from_pretrained(folder)),
            vocabulary=encoder.encoder.vocabulary,
            context_tokens=CONTEXT_TOKENS,
        )
        made.append((EncoderEngine(encoder, intake, **{"slots": 4, **settings}), encoder))
        return made[-1]

    yield make
    for engine, encoder in made:
        encoder.gate.set()
        engine.close()


def test_vectors_are_the_mean_over_a_texts_tokens_and_of_length_1(
    engine: Engine, reference: Callable[[str], Any], folder: Path
) -> None:
    given = ["Romeo", "To be, or not to be", "你好 🙂"]
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)

    completion = engine.submit("1", embed(*given), lambda _: None).result()
    found = numbers(completion)

    assert found == pytest.approx(np.stack([reference(text) for text in given]), abs=1e-5)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert (completion.text, completion.finish_reason, completion.completion_tokens) == ("", "stop", 0)
    assert completion.prompt_tokens == sum(len(tokenizer(text)["input_ids"]) for text in given)
    assert completion.engine_seconds > 0


def test_a_text_and_its_token_ids_have_the_same_vector(engine: Engine, folder: Path) -> None:
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    token_ids = tuple(tokenizer("To be, or not to be")["input_ids"])

    one, other = numbers(engine.submit("1", embed("To be, or not to be", token_ids), lambda _: None).result())

    assert one == pytest.approx(other, abs=1e-5)


def test_a_vector_does_not_depend_on_what_it_was_batched_with(watched: Watched) -> None:
    engine, encoder = watched(batch_tokens=4096)
    given = [texts(7, seed=seed) for seed in range(4)]
    alone = [[numbers(engine.submit("1", embed(text), print).result())[0] for text in some] for some in given]
    first = len(encoder.lengths)

    encoder.gate.clear()
    encoder.at_gate.clear()
    engine.submit("holds the thread", embed("x"), print)
    assert encoder.at_gate.wait(60)
    futures = [engine.submit(str(number), embed(*some), print) for number, some in enumerate(given)]
    encoder.gate.set()

    for future, expected in zip(futures, alone, strict=True):
        assert numbers(future.result()) == pytest.approx(np.stack(expected), abs=1e-5)
    assert max(map(len, encoder.lengths[first:])) > 7, "inputs of several requests shared a batch"


def test_batches_hold_inputs_of_like_lengths_and_never_more_padding_than_they_may(watched: Watched) -> None:
    engine, encoder = watched(batch_tokens=100)

    engine.submit("1", embed(*("x" * length for length in range(1, 60)), "x" * 300), print).result()

    assert encoder.lengths[0] == [301]
    assert all(len(batch) * max(batch) <= 100 for batch in encoder.lengths[1:])
    by_length = [length for batch in encoder.lengths for length in batch]
    assert by_length == sorted(by_length, reverse=True)
    assert len(by_length) == 60


def test_a_small_request_does_not_wait_for_all_of_a_large_one(watched: Watched) -> None:
    engine, encoder = watched(batch_tokens=20)
    encoder.gate.clear()
    large = engine.submit("large", embed(*["To be"] * 2000), print)
    assert encoder.at_gate.wait(60)
    small = engine.submit("small", embed("or not"), print)
    small.add_done_callback(lambda _: encoder.gate.clear())
    encoder.gate.set()

    small.result(timeout=60)

    assert not large.done()
    engine.cancel("large")
    encoder.gate.set()
    with pytest.raises(GenerationCancelled):
        large.result(timeout=60)


def test_a_waiting_request_is_cancelled_at_once_and_a_running_one_before_its_next_batch(watched: Watched) -> None:
    engine, encoder = watched(slots=1, batch_tokens=10)
    encoder.gate.clear()
    running = engine.submit("running", embed(*["To be, or not"] * 50), print)
    waiting = engine.submit("waiting", embed("To be"), print)
    assert encoder.at_gate.wait(60)

    engine.cancel("waiting")
    assert isinstance(waiting.exception(timeout=0), GenerationCancelled)
    engine.cancel("running")
    encoder.gate.set()

    cancelled = running.exception(timeout=60)
    assert isinstance(cancelled, GenerationCancelled)
    assert cancelled.spent.prompt_tokens > 0
    assert cancelled.spent.engine_seconds > 0
    assert len(encoder.lengths) == 1
    assert engine.submit("running", embed("again"), print).result().vectors


@pytest.mark.parametrize("trap", ["raises_on", "breaks_on"])
def test_of_a_batch_that_fails_only_the_guilty_request_fails(trap: str, watched: Watched) -> None:
    engine, encoder = watched()
    setattr(encoder, trap, 77)
    encoder.gate.clear()
    held = engine.submit("holds the thread", embed("x"), print)
    assert encoder.at_gate.wait(60)
    futures = [
        engine.submit("0", embed("To be", (5, 6, 7, 8)), print),
        engine.submit("bad", embed("To be", (5, 77, 7, 8)), print),
        engine.submit("1", embed((5, 6, 7, 8), "or not"), print),
    ]
    encoder.gate.set()

    with pytest.raises(EngineError, match="input 1") as failure:
        futures[1].result()

    assert failure.value.spent.prompt_tokens > 4
    assert [len(future.result().vectors) for future in (held, futures[0], futures[2])] == [1, 2, 2]
    assert engine.submit("bad", embed("fine"), print).result().vectors


def test_a_batch_that_lasts_shows_and_an_idle_engine_does_not(watched: Watched) -> None:
    engine, encoder = watched()
    assert engine.seconds_since_progress() == 0.0
    encoder.gate.clear()
    future = engine.submit("1", embed("To be"), print)
    assert encoder.at_gate.wait(60)

    assert engine.seconds_since_progress() > 0.0
    encoder.gate.set()
    future.result()


@pytest.mark.parametrize(
    ("request_", "code", "field"),
    [
        (embed("fine", "x" * 2000), "context_length_exceeded", "input.texts[1]"),
        (embed("fine", (5,) * 1025), "context_length_exceeded", "input.texts[1]"),
        (embed("fine", "fine", ""), "empty_input", "input.texts[2]"),
        (embed(()), "empty_input", "input.texts[0]"),
        (embed(), "empty_input", "input.texts"),
        (embed((5, 99_999)), "invalid_token", "input.texts[0]"),
        (embed("fine", (-1,)), "invalid_token", "input.texts[1]"),
        (embed("To \ud800be"), "invalid_text", "input.texts[0]"),
        (ask("To be"), "unsupported_type", "type"),
        (chat(("user", "hi")), "unsupported_type", "type"),
    ],
)
def test_what_can_never_be_embedded_is_refused_at_once(request_: Any, code: str, field: str, engine: Engine) -> None:
    refusal = engine.submit("refused", request_, print).exception(timeout=0)

    assert isinstance(refusal, RequestRefused)
    assert (refusal.code, refusal.field) == (code, field)


def test_nothing_is_cut_off_up_to_the_last_token_that_the_model_takes(engine: Engine) -> None:
    fitting = engine.submit("1", embed((5,) * CONTEXT_TOKENS), print).result()

    assert fitting.prompt_tokens == CONTEXT_TOKENS
    with pytest.raises(RequestRefused, match=r"1,025 tokens.*at most 1,024"):
        engine.submit("2", embed((5,) * (CONTEXT_TOKENS + 1)), print).result()


def test_the_configuration_decides_slots_and_context(folder: Path) -> None:
    engine = load(folder, slots=7, context_tokens=16)

    assert (engine.slots, engine.context_tokens, engine.can_continue) == (7, 16, True)
    engine.close()
    with pytest.raises(ModelUnavailable, match="2,048, but the model has 1,024 positions"):
        load(folder, context_tokens=2048)


def test_where_positions_begin_behind_the_padding_fewer_can_be_used(folder: Path, tmp_path: Path) -> None:
    config = RobertaConfig(
        vocab_size=4096,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=66,
        pad_token_id=1,
    )
    copy = Path(shutil.copytree(folder, tmp_path / "roberta"))
    RobertaModel(config).save_pretrained(copy)

    engine = load(copy)

    assert engine.context_tokens == 64
    assert engine.submit("1", embed((5,) * 64), print).result().vectors
    engine.close()


def test_an_encoder_saved_without_its_pooler_is_loaded_and_one_without_a_layer_is_not(
    folder: Path, tmp_path: Path
) -> None:
    model: Any = AutoModel.from_pretrained(folder)
    kept = {name: tensor for name, tensor in model.state_dict().items() if not name.startswith("pooler.")}
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    model.save_pretrained(copy, state_dict=kept)

    engine = load(copy)
    engine.close()
    model.save_pretrained(copy, state_dict={name: tensor for name, tensor in kept.items() if "layer.1." not in name})

    with pytest.raises(ModelUnavailable, match=r"lack \d+ tensors .* such as encoder\.layer\.1\."):
        load(copy)


def test_a_model_that_makes_no_states_of_texts_is_refused(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "t5"))
    T5Model(T5Config(vocab_size=64, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)).save_pretrained(copy)

    with pytest.raises(ModelUnavailable, match=r"T5Model is no encoder of texts.*models\.tiny"):
        load(copy)


def test_code_that_comes_with_an_encoder_is_not_run(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "own"))
    config = json.loads((copy / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Config", "AutoModel": "own.Model"}}
    (copy / "config.json").write_text(json.dumps(config))
    (copy / "own.py").write_text(f"open({str(copy / 'ran')!r}, 'w')")

    with pytest.raises(ModelUnavailable):
        load(copy)

    assert not (copy / "ran").exists()


def test_closing_cancels_what_runs_and_what_waits(watched: Watched) -> None:
    engine, encoder = watched(slots=1, batch_tokens=10)
    encoder.gate.clear()
    futures = [engine.submit(str(number), embed(*["To be, or not"] * 50), print) for number in range(2)]
    assert encoder.at_gate.wait(60)
    closing = threading.Thread(target=engine.close)
    closing.start()
    while not engine.submit("probe", embed("x"), print).done():  # until the engine takes nothing more
        engine.cancel("probe")
    encoder.gate.set()

    closing.join()

    assert all(isinstance(future.exception(timeout=0), GenerationCancelled) for future in futures)
    with pytest.raises(EngineError, match="closed"):
        engine.submit("late", embed("To be"), print).result()


def test_it_tells_how_busy_it_is_and_makes_no_tokens(folder: Path) -> None:
    engine = load(folder, slots=1)
    loads: list[EngineLoad] = []
    others: list[Any] = []

    def look() -> None:
        others.append(engine.submit("2", embed("or not"), print))
        loads.append(engine.load())

    engine.submit("1", embed("to be"), print, on_start=look).result(60)
    others[0].result(60)
    until(lambda: engine.load().running == 0)

    assert loads == [EngineLoad(slots=1, running=1, waiting=1, steps_by_rows=(0, 0))]
    assert engine.load() == EngineLoad(slots=1, running=0, waiting=0, steps_by_rows=(0, 2))
    engine.close()
