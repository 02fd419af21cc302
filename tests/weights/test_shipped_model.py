from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer

WEIGHTS = Path(__file__).parents[2] / "weights"
SHIPPED = WEIGHTS / "shakespeare"
WELL_KNOWN = """\
ROMEO:
But, soft! what light through yonder window breaks?
It is the east, and Juliet is the sun.
"""


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def model() -> Any:
    return AutoModelForCausalLM.from_pretrained(SHIPPED, use_safetensors=True)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(SHIPPED)


def test_the_weights_stay_below_twelve_megabytes() -> None:
    assert sum(file.stat().st_size for file in WEIGHTS.rglob("*") if file.is_file()) <= 12_000_000


def test_the_weights_are_safetensors_alone() -> None:
    assert [file.name for file in SHIPPED.iterdir() if file.suffix in {".bin", ".pt", ".pth", ".pkl", ".py"}] == []
    assert (SHIPPED / "model.safetensors").is_file()


def test_the_model_is_a_llama_of_about_five_million_parameters(model: Any) -> None:
    assert model.config.model_type == "llama"
    assert 4_000_000 < model.num_parameters() < 6_000_000
    assert model.dtype == torch.bfloat16
    assert model.config.max_position_embeddings == 1024


def test_the_tokenizer_fits_the_model(model: Any, tokenizer: Any) -> None:
    assert len(tokenizer) == model.config.vocab_size
    assert tokenizer.bos_token_id == model.config.bos_token_id
    assert tokenizer.eos_token_id == model.config.eos_token_id
    assert tokenizer.eos_token_id != tokenizer.bos_token_id
    assert tokenizer.chat_template


@pytest.mark.parametrize("text", ["naïve 漢字 🎭", "tab\tCRLF\r\n  two  spaces ", "\x00\x7f"])
def test_the_tokenizer_takes_any_text(tokenizer: Any, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


def test_a_greedy_answer_is_readable_and_the_same_each_time(model: Any, tokenizer: Any) -> None:
    prompt = tokenizer("ROMEO:\n", return_tensors="pt")
    first, second = (model.generate(**prompt, max_new_tokens=48, do_sample=False) for _ in range(2))
    answer = tokenizer.decode(first[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True)

    assert torch.equal(first, second)
    assert answer.isascii()
    assert answer.replace("\n", " ").isprintable()
    assert len(answer.split()) > 3


def test_a_chat_answer_ends_by_itself(model: Any, tokenizer: Any) -> None:
    messages = [{"role": "user", "content": "Good morrow, cousin. What news?"}]
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    torch.manual_seed(0)
    answers = model.generate(**prompt, max_new_tokens=200, do_sample=True, num_return_sequences=8)

    ended = (answers[:, prompt["input_ids"].shape[1] :] == tokenizer.eos_token_id).any(dim=1)
    assert ended.sum() >= 6


def test_a_well_known_passage_is_likelier_than_its_words_out_of_order(model: Any, tokenizer: Any) -> None:
    shuffled = " ".join(sorted(WELL_KNOWN.split()))

    assert _loss(model, tokenizer, WELL_KNOWN) < 4.0
    assert _loss(model, tokenizer, shuffled) > _loss(model, tokenizer, WELL_KNOWN) + 1.0


def test_the_end_of_a_full_context_is_foretold_as_well_as_its_start(model: Any, tokenizer: Any) -> None:
    ids = tokenizer.encode(WELL_KNOWN * 60)[:1024]
    losses = _losses(model, ids)

    assert len(ids) == 1024
    assert losses[-128:].mean() < losses[:128].mean()


def _loss(model: Any, tokenizer: Any, text: str) -> float:
    return float(_losses(model, tokenizer.encode(text)).mean())


@torch.no_grad()
def _losses(model: Any, ids: list[int]) -> torch.Tensor:
    """Nats for each token after the first."""
    batch = torch.tensor([ids])
    logits = model(input_ids=batch[:, :-1]).logits.float()
    return nn.functional.cross_entropy(logits[0], batch[0, 1:], reduction="none")
