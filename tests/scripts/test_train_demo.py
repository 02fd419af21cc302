import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM, PreTrainedTokenizerFast

from scripts.demo import folder
from scripts.demo.dialogue import Sampler, part
from scripts.demo.evaluation import held_out_loss
from scripts.demo.network import small_llama
from scripts.demo.tokenizer import train_tokenizer
from scripts.demo.training import Plan, Progress, train
from scripts.train_demo import main

NAMES = ("FERRYMAN", "Miller", "OLD QUEEN")
LINES = (
    "The river runs to the sea, my friend,",
    "And the mill goes round with the river.",
    "Who asks the water where it will end?",
    "The boat is old and the oars are thin.",
)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def play() -> str:
    random = Random(1)
    speeches = (
        f"{random.choice(NAMES)}:\n" + "\n".join(random.choices(LINES, k=random.randint(1, 3))) for _ in range(300)
    )
    return "\n\n".join(speeches) + "\n"


@pytest.fixture(scope="module")
def tokenizer(play: str) -> PreTrainedTokenizerFast:
    return train_tokenizer(play, vocab_size=400, context=64)


@pytest.mark.parametrize(
    "text",
    [
        "Plain words, and don't forget commas.",
        "naïve café — 漢字 и кириллица 🎭👩‍🚀",
        "  leading,  double and trailing  ",
        "tabs\tand\r\nline breaks\n\n\n",
        "\x00\x01\x7f",
        "",
    ],
)
def test_any_text_comes_back_from_its_tokens_unchanged(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    ids = tokenizer.encode(text, add_special_tokens=False)

    assert tokenizer.decode(ids) == text


def test_every_byte_has_a_token_of_its_own(tokenizer: PreTrainedTokenizerFast) -> None:
    text = "".join(map(chr, range(0x110, 0x1110)))

    assert tokenizer.unk_token is None
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


def test_a_prompt_begins_with_the_begin_token_once(tokenizer: PreTrainedTokenizerFast) -> None:
    ids = tokenizer.encode("Miller:\n")

    assert ids[0] == tokenizer.bos_token_id
    assert ids.count(tokenizer.bos_token_id) == 1


def test_a_chat_is_written_as_the_speeches_of_a_play(tokenizer: PreTrainedTokenizerFast) -> None:
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "Speak in verse."},
        {"role": "user", "content": "  Who is there? \n"},
        {"role": "assistant", "content": "A friend."},
        {"role": "user", "content": [{"type": "text", "text": "Which"}, {"type": "text", "text": "one?"}]},
    ]

    written = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)

    assert written == (
        "<|begin|>Chorus:\nSpeak in verse.<|end|>ROMEO:\nWho is there?<|end|>JULIET:\nA friend.<|end|>"
        "ROMEO:\nWhich\none?<|end|>JULIET:\n"
    )


def test_a_chat_without_a_generation_prompt_ends_with_the_last_speech(tokenizer: PreTrainedTokenizerFast) -> None:
    written = tokenizer.apply_chat_template([{"role": "assistant", "content": "Farewell."}], tokenize=False)

    assert written == "<|begin|>JULIET:\nFarewell.<|end|>"


def test_the_held_out_text_is_the_end_and_is_cut_between_two_speeches(play: str) -> None:
    corpus = part(play, held_out_fraction=0.1)

    assert play == f"{corpus.training}\n\n{corpus.held_out}"
    assert 0.09 < len(corpus.held_out) / len(play) < 0.12
    assert corpus.held_out.split(":\n")[0] in NAMES


def test_a_text_without_an_empty_line_cannot_be_parted() -> None:
    with pytest.raises(ValueError, match="too short to part"):
        part("one speech only", held_out_fraction=0.1)


def test_a_chat_sequence_ends_each_speech_with_the_end_token(play: str, tokenizer: PreTrainedTokenizerFast) -> None:
    sampler = Sampler(tokenizer, play, random=Random(0), chat_share=1.0, split_share=0.5)

    for sequence in sampler.batch(rows=8, length=200):
        speeches = str(tokenizer.decode(sequence)).removeprefix("<|begin|>").split("<|end|>")
        assert len(sequence) == 201
        assert len(speeches) > 2
        assert all(f"{speech}\n\n" in play for speech in speeches[:-1])


def test_a_plain_sequence_is_a_stretch_of_the_text(play: str, tokenizer: PreTrainedTokenizerFast) -> None:
    sampler = Sampler(tokenizer, play, random=Random(0), chat_share=0.0, mid_speech_share=0.5, split_share=0.5)

    stretches = [
        str(tokenizer.decode(sequence)).removeprefix("<|begin|>") for sequence in sampler.batch(rows=8, length=100)
    ]

    around_the_end = f"{play}\n{play}"
    assert all(stretch.rstrip("\ufffd") in around_the_end for stretch in stretches)


def test_training_keeps_the_best_report_and_the_loss_falls(play: str, tokenizer: PreTrainedTokenizerFast) -> None:
    torch.manual_seed(0)
    corpus = part(play, held_out_fraction=0.1)
    model = _small(tokenizer)
    before = held_out_loss(model, tokenizer, corpus.held_out, window=32)
    reports: list[Progress] = []

    best = train(
        model,
        tokenizer,
        Sampler(tokenizer, corpus.training, random=Random(0)),
        corpus.held_out,
        plan=Plan(
            steps=40,
            limit_seconds=1e6,
            tokens_per_step=512,
            context=64,
            peak_rate=1e-2,
            warmup_steps=5,
            evaluate_every=20,
        ),
        random=Random(0),
        clock=itertools.count().__next__,
        on_report=reports.append,
    )

    assert [report.step for report in reports] == [20, 40]
    assert best.held_out == min((report.held_out for report in reports), key=lambda loss: loss.nats_per_token)
    assert best.held_out.nats_per_token < before.nats_per_token / 2
    assert best.held_out.bits_per_byte < before.bits_per_byte / 2


def test_the_clock_ends_a_run_that_still_has_steps_to_go(play: str, tokenizer: PreTrainedTokenizerFast) -> None:
    clock = itertools.count(step=10.0)

    best = train(
        _small(tokenizer),
        tokenizer,
        Sampler(tokenizer, play, random=Random(0)),
        play[:500],
        plan=Plan(steps=10_000, limit_seconds=60.0, context=32, tokens_per_step=32),
        random=Random(0),
        clock=lambda: float(next(clock)),
        on_report=lambda _: None,
    )

    assert best.step < 10


def test_the_learning_rate_cools_down_by_steps_or_by_the_clock() -> None:
    plan = Plan(steps=1000, limit_seconds=100.0, warmup_steps=10)

    assert plan.rate(0, 0.0) == pytest.approx(plan.peak_rate / 10)
    assert plan.rate(20, 0.0) == pytest.approx(plan.peak_rate, rel=0.01)
    assert plan.rate(1000, 0.0) == pytest.approx(plan.floor_rate)
    assert plan.rate(20, 100.0) == pytest.approx(plan.floor_rate)


@pytest.fixture(scope="module")
def trained(play: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Two folders from the same command, and the command's arguments."""
    directory = tmp_path_factory.mktemp("trained")
    text = directory / "play.txt"
    text.write_text(play, encoding="utf-8")
    arguments = [
        *("--steps", "6", "--vocab", "320", "--context", "64", "--hidden", "32", "--layers", "1", "--heads", "2"),
        *("--kv-heads", "1", "--intermediate", "64", "--tokens-per-step", "256", "--evaluate-every", "3"),
        *("--warmup", "2", "--device", "cpu", "--threads", "1", "--seed", "3"),
    ]
    for name in ("first", "second"):
        main([str(text), "--out", str(directory / name), *arguments])
    return directory, arguments


def test_the_folder_loads_as_bfloat16_safetensors(trained: tuple[Path, list[str]]) -> None:
    directory, _ = trained
    model = AutoModelForCausalLM.from_pretrained(directory / "first", use_safetensors=True)
    tokenizer = AutoTokenizer.from_pretrained(directory / "first")

    assert model.dtype == torch.bfloat16
    assert model.config.vocab_size == len(tokenizer)
    assert model.config.eos_token_id == tokenizer.eos_token_id
    assert tokenizer.chat_template
    assert not [path for path in directory.iterdir() if path.name.startswith(".")]


def test_the_same_seed_gives_the_same_weights(trained: tuple[Path, list[str]]) -> None:
    directory, _ = trained
    first, second = ((directory / name / "model.safetensors").read_bytes() for name in ("first", "second"))

    assert first == second


def test_the_card_holds_the_measured_figures(trained: tuple[Path, list[str]], play: str) -> None:
    directory, _ = trained
    card = (directory / "first" / "README.md").read_text(encoding="utf-8")
    model, tokenizer = folder.load(directory / "first")
    held_out = part(play, held_out_fraction=0.05).held_out
    loss = held_out_loss(model, tokenizer, held_out, window=32)

    assert f"{loss.nats_per_token:.3f} nats per token, {loss.bits_per_byte:.3f} bits per byte" in card
    assert "1 CPU core" in card
    assert "--steps 6" in card
    assert "--seed 3" in card
    assert len(re.findall(r"^Answer", card, flags=re.MULTILINE)) == 3
    assert str(directory) not in card


def test_a_reader_of_a_folder_that_is_replaced_keeps_what_it_opened(tmp_path: Path) -> None:
    target = tmp_path / "model"
    folder.publish(target, lambda staging: _write(staging / "weights", "old"))

    with (target / "weights").open() as opened:
        folder.publish(target, lambda staging: _write(staging / "weights", "new"))
        assert opened.read() == "old"

    assert (target / "weights").read_text() == "new"


def test_a_write_that_fails_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    def fail(staging: Path) -> None:
        _write(staging / "weights", "half")
        raise OSError("disk full")

    folder.publish(tmp_path / "model", lambda staging: _write(staging / "weights", "old"))
    with pytest.raises(OSError, match="disk full"):
        folder.publish(tmp_path / "model", fail)

    assert (tmp_path / "model" / "weights").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def _write(path: Path, text: str) -> None:
    path.write_text(text)


def _small(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    return small_llama(tokenizer, context=64, hidden=32, layers=1, heads=2, kv_heads=1, intermediate=64)
