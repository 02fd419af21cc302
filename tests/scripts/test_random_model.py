from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer

from scripts import random_model
from scripts.demo.folder import size_bytes
from scripts.random_model import PRESETS, build, main


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("random") / "tiny"
    build("tiny", directory, seed=0, dtype=torch.float32)
    return directory


def test_the_tiny_model_is_below_one_megabyte(tiny: Path) -> None:
    assert size_bytes(tiny) < 1_000_000


def test_a_random_model_loads_and_generates(tiny: Path) -> None:
    model: Any = AutoModelForCausalLM.from_pretrained(tiny, use_safetensors=True)
    tokenizer: Any = AutoTokenizer.from_pretrained(tiny)
    prompt = tokenizer("ROMEO:\n", return_tensors="pt")

    output = model.generate(**prompt, max_new_tokens=8, do_sample=False, eos_token_id=None)

    assert model.dtype == torch.float32
    assert output.shape[1] == prompt["input_ids"].shape[1] + 8


def test_the_answer_depends_on_the_prompt(tiny: Path) -> None:
    model: Any = AutoModelForCausalLM.from_pretrained(tiny)
    tokenizer: Any = AutoTokenizer.from_pretrained(tiny)
    answers = set()
    for prompt in ("ROMEO:\n", "JULIET:\n", "Hello there", "To be, or"):
        encoded = tokenizer(prompt, return_tensors="pt")
        output = model.generate(**encoded, max_new_tokens=8, do_sample=False)
        answers.add(tuple(output[0, encoded["input_ids"].shape[1] :].tolist()))

    assert len(answers) == 4


def test_the_same_seed_gives_the_same_model_and_another_seed_another(tiny: Path, tmp_path: Path) -> None:
    build("tiny", tmp_path / "same", seed=0, dtype=torch.float32)
    build("tiny", tmp_path / "other", seed=1, dtype=torch.float32)

    weights = (tiny / "model.safetensors").read_bytes()
    assert (tmp_path / "same" / "model.safetensors").read_bytes() == weights
    assert (tmp_path / "other" / "model.safetensors").read_bytes() != weights


def test_building_leaves_the_random_numbers_of_the_caller_alone(tmp_path: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)

    torch.manual_seed(5)
    build("tiny", tmp_path / "model")

    assert torch.rand(1) == expected


def test_every_token_of_a_stretched_vocabulary_has_a_text_and_none_is_ever_encoded(tmp_path: Path) -> None:
    build("tiny", tmp_path / "plain", vocab=4096)
    build("tiny", tmp_path / "stretched", vocab=5000)
    plain, stretched = (AutoTokenizer.from_pretrained(tmp_path / name) for name in ("plain", "stretched"))
    text = "Speak, I charge you: aa ab ac, naïve 🎭"

    assert len(stretched) == AutoModelForCausalLM.from_pretrained(tmp_path / "stretched").config.vocab_size == 5000
    assert all(stretched.decode([token]) for token in range(5000))
    assert len(set(stretched.convert_ids_to_tokens(list(range(5000))))) == 5000
    assert stretched.encode(text) == plain.encode(text)
    assert stretched.apply_chat_template([{"role": "user", "content": "Hi"}], tokenize=False)


def test_bare_bytes_serve_where_no_model_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random_model, "SHIPPED", tmp_path / "absent")
    build("tiny", tmp_path / "model", vocab=300)
    tokenizer: Any = AutoTokenizer.from_pretrained(tmp_path / "model")

    ids = tokenizer.encode("naïve 🎭", add_special_tokens=False)

    assert len(ids) == len("naïve 🎭".encode())
    assert tokenizer.decode(ids) == "naïve 🎭"


def test_a_vocabulary_too_small_for_the_bytes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 258 tokens"):
        build("tiny", tmp_path / "model", vocab=100)


def test_the_presets_have_the_sizes_that_they_are_called_by() -> None:
    sizes = {
        name: shape.vocab * shape.hidden
        + shape.layers * shape.hidden * (2 * shape.head_size * (shape.heads + shape.kv_heads) + 3 * shape.intermediate)
        for name, shape in PRESETS.items()
    }

    assert sizes["135m"] == pytest.approx(135e6, rel=0.01)
    assert sizes["360m"] == pytest.approx(360e6, rel=0.01)
    assert sizes["1b"] == pytest.approx(1.236e9, rel=0.01)


def test_the_command_writes_the_preset_that_was_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--preset", "tiny", "--dtype", "bfloat16", str(tmp_path / "model")])

    assert "tiny" in capsys.readouterr().out
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "model").dtype == torch.bfloat16


def test_an_encoder_tells_texts_apart_and_is_as_small(tmp_path: Path) -> None:
    main(["--preset", "tiny", "--dtype", "float32", "--encoder", str(tmp_path / "model")])
    model: Any = AutoModel.from_pretrained(tmp_path / "model", use_safetensors=True)
    tokenizer: Any = AutoTokenizer.from_pretrained(tmp_path / "model")

    one, other = (model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0, -1] for text in ("Romeo", "Julia"))

    assert model.config.model_type == "bert"
    assert torch.cosine_similarity(one, other, dim=0) < 0.99
    assert size_bytes(tmp_path / "model") < 1_000_000
