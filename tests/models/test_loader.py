from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from models.catalog import ModelConfig, Script
from models.engine import Engine, GenerationCancelled
from models.generate_engine import GenerateEngine
from models.loader import ModelUnavailable, build_engine
from models.torch_engine import TorchEngine
from tests.models.asking import ask


@pytest.fixture
def folder(folders: dict[str, Path], tmp_path: Path) -> Path:
    """A copy of the tiny llama that a test may spoil."""
    return Path(shutil.copytree(folders["llama"], tmp_path / "copy"))


def load(folder: Path, **settings: Any) -> Engine:
    config = ModelConfig(name="tiny", file=Path("/etc/models.yaml"), path=folder, device_map="cpu", **settings)
    return build_engine(config, slots=2, flush_timeout_seconds=0.0)


def refusal(folder: Path, **settings: Any) -> str:
    with pytest.raises(ModelUnavailable) as error:
        load(folder, **settings)
    assert "models.tiny" in str(error.value)
    assert "/etc/models.yaml" in str(error.value)
    return str(error.value)


def test_a_folder_that_does_not_exist_is_named_with_what_to_do(tmp_path: Path) -> None:
    message = refusal(tmp_path / "nowhere")

    assert f"{tmp_path / 'nowhere'} does not exist" in message
    assert "scripts.train_demo" in message


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_file_that_is_missing_is_named(name: str, folder: Path) -> None:
    (folder / name).unlink()

    assert f"{folder / name} is missing" in refusal(folder)


def test_weights_in_a_pickle_are_refused(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")

    assert "pytorch_model.bin, but only safetensors" in refusal(folder)


def test_weights_that_are_cut_off_are_named_with_their_size(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])

    assert f"{weights} is cut off or damaged: it has {weights.stat().st_size:,} bytes" in refusal(folder)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "cut off"),
        (b"\x08", "cut off"),
        (b"\xff" * 64, "cut off or no safetensors"),
        (b"\x08" + b"\0" * 7 + b"nonsense", "header cannot be read"),
        (b"\x06" + b"\0" * 7 + b'["ab"]', "header cannot be read"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
    ],
)
def test_weights_that_are_no_safetensors_are_named(content: bytes, what: str, folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(content)

    message = refusal(folder)

    assert str(folder / "model.safetensors") in message
    assert what in message


def test_a_missing_shard_is_named(folder: Path) -> None:
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "model-00001.safetensors"}}))

    assert f"{folder / 'model-00001.safetensors'} is missing" in refusal(folder)


def test_weights_that_lack_tensors_are_refused_rather_than_made_up(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))

    assert "such as model.layers.2." in refusal(folder)


def test_a_config_that_is_not_json_is_named(folder: Path) -> None:
    (folder / "config.json").write_text("{")

    assert f"{folder / 'config.json'} cannot be read" in refusal(folder)


def test_code_that_comes_with_a_model_is_not_run(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text(f"open({str(folder / 'ran')!r}, 'w')")

    refusal(folder)

    assert not (folder / "ran").exists()


def test_a_cache_larger_than_the_memory_is_refused_with_slots_context_and_bytes(folder: Path) -> None:
    message = refusal(folder, slots=10**9)

    assert f"1,000,000,000 slots of 128 tokens take {2 * 2 * 2 * 16 * 4 * 128 * 10**9:,} bytes on cpu" in message
    assert "`slots`" in message


def test_a_context_longer_than_the_model_is_refused(folder: Path) -> None:
    assert "4,096, but the model has 128 positions" in refusal(folder, context_tokens=4096)


def test_the_configuration_decides_slots_and_context(folder: Path) -> None:
    for settings, expected in (({}, (2, 128)), ({"slots": 5, "context_tokens": 64}, (5, 64))):
        engine = load(folder, **settings)

        assert isinstance(engine, TorchEngine)
        assert (engine.slots, engine.context_tokens) == expected
        engine.close()


def test_half_precision_runs_over_slots_too(folder: Path) -> None:
    engine = load(folder, dtype="bfloat16")

    assert isinstance(engine, TorchEngine)
    assert engine.submit("1", ask("To be", max_tokens=4, temperature=1.0), lambda _: None).result().text
    engine.close()


def test_a_model_whose_attention_slides_gets_the_slow_engine_and_a_line_in_the_log(
    build: Callable[..., Engine], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "models.pretrained"):
        engine = build("mistral")

    assert isinstance(engine, GenerateEngine)
    (record,) = [record for record in caplog.records if record.name == "models.pretrained"]
    assert (record.msg, record.__dict__["model"]) == ("slow_engine_chosen", "mistral")
    assert "16 tokens" in record.__dict__["reason"]


def test_a_window_wider_than_the_context_does_not_matter(build: Callable[..., Engine]) -> None:
    assert isinstance(build("mistral", context_tokens=16), TorchEngine)


def test_a_scripted_model_hangs_on_the_prompt_it_is_told_to_hang_on() -> None:
    config = ModelConfig(name="said", file=Path("models.yaml"), engine="scripted", script=Script(hang_on="halt"))
    engine = build_engine(config, slots=32, flush_timeout_seconds=0.0)

    assert engine.submit("1", ask("go on"), lambda _: None).result().finish_reason == "length"
    hung = engine.submit("2", ask("please halt here"), lambda _: None)
    while engine.seconds_since_progress() == 0.0:
        assert not hung.done()
    engine.close()
    with pytest.raises(GenerationCancelled):
        hung.result()


def test_a_scripted_model_is_built_from_its_configuration() -> None:
    config = ModelConfig(
        name="said", file=Path("models.yaml"), engine="scripted", slots=3, script=Script(reply="Hello you")
    )
    engine = build_engine(config, slots=32, flush_timeout_seconds=0.0)

    assert engine.slots == 3
    assert engine.submit("1", ask("hi"), lambda _: None).result().text == "Hello you"
    engine.close()


def test_a_scripted_model_tells_the_time(tmp_path: Path) -> None:
    config = ModelConfig(name="said", file=tmp_path, engine="scripted", script=Script(tells_time=True))
    engine = build_engine(config, slots=32, flush_timeout_seconds=0.0)

    before = time.monotonic()
    completion = engine.submit("1", ask("what time is it?", max_tokens=3), lambda _: None).result()
    instants = [float(word) for word in completion.text.split()]
    assert len(instants) == 3
    assert before - 1e-6 <= instants[0] <= instants[-1] <= time.monotonic() + 1e-6
    engine.close()
