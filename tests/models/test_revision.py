from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

from models.catalog import ModelConfig, Script, Upstream
from models.revision import model_revision

FILE = Path("models.yaml")


def folder_of(place: Path, *, weights: bytes = b"weights") -> Path:
    place.mkdir()
    (place / "config.json").write_text("{}")
    (place / "model.safetensors").write_bytes(weights)
    return place


def test_the_same_folder_copied_elsewhere_is_the_same_model(tmp_path: Path) -> None:
    first = folder_of(tmp_path / "first")
    second = Path(shutil.copytree(first, tmp_path / "second"))
    os.utime(second / "model.safetensors", (1, 1))
    (second / "README.md").write_text("notes")
    model = ModelConfig(name="m", file=FILE, path=first)

    assert model_revision(replace(model, path=second)) == model_revision(model)


def test_weights_trained_again_in_the_same_folder_are_another_model(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "model")
    model = ModelConfig(name="m", file=FILE, path=folder)
    before, times = model_revision(model), (folder / "model.safetensors").stat()

    (folder / "model.safetensors").write_bytes(b"Weights")
    os.utime(folder / "model.safetensors", ns=(times.st_atime_ns, times.st_mtime_ns))

    assert model_revision(model) != before


def test_a_changed_tokenizer_is_another_model(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "model")
    model = ModelConfig(name="m", file=FILE, path=folder)
    before = model_revision(model)

    (folder / "tokenizer.json").write_text("{}")

    assert model_revision(model) != before


def test_what_the_configuration_says_of_the_result_makes_another_model() -> None:
    hub = ModelConfig(name="m", file=FILE, hub="org/m", revision="0" * 40)
    far = ModelConfig(name="m", file=FILE, engine="upstream", upstream=Upstream(url="http://h/v1", model="m"))
    said = ModelConfig(name="m", file=FILE, engine="scripted", script=Script(reply="Hello"))
    models = [
        hub,
        replace(hub, revision="1" * 40),
        replace(hub, dtype="float32"),
        replace(hub, context_tokens=64),
        replace(hub, engine="encoder"),
        far,
        replace(far, upstream=Upstream(url="http://h/v1", model="n")),
        said,
        replace(said, script=Script(reply="Bye")),
    ]

    assert len({model_revision(model) for model in models}) == len(models)


def test_what_changes_no_result_changes_no_revision() -> None:
    model = ModelConfig(name="m", file=FILE, hub="org/m", revision="0" * 40)

    assert model_revision(replace(model, slots=3, threads=2, prefill_chunk=8)) == model_revision(model)
