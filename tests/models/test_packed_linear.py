from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import linear

from models import packed_linear
from models.catalog import ModelConfig
from models.intake import Intake
from models.packed_linear import PackedLinear, pack_linears, unpack_linears
from models.pretrained import engine_for
from models.tokenizer import Tokenizer
from models.torch_engine import TorchEngine
from tests.models.asking import ask
from tests.models.greedy import greedy
from tests.models.tiny import CONTEXT_TOKENS, TEXT, tiny_model

Reference = Callable[[str], Any]


@pytest.fixture
def all_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The layers of tiny models gain nothing, but they can be packed."""
    monkeypatch.setattr(packed_linear, "SMALLEST_WEIGHT", 1)


def _intake(tokenizer: Any) -> Intake:
    return Intake(
        tokenizer=Tokenizer(tokenizer), eos_ids=frozenset({0}), vocabulary=len(tokenizer), context_tokens=CONTEXT_TOKENS
    )


def _packed_layers(model: nn.Module) -> int:
    return sum(isinstance(layer, PackedLinear) for layer in model.modules())


@pytest.mark.parametrize("has_bias", [False, True])
@pytest.mark.parametrize("shape", [(0, 96), (1, 96), (7, 96), (1, 40, 96)], ids=str)
@torch.inference_mode()
def test_a_packed_layer_computes_what_the_plain_one_does(shape: tuple[int, ...], *, has_bias: bool) -> None:
    torch.manual_seed(1)
    plain = nn.Linear(96, 64, bias=has_bias)
    rows = torch.randn(*shape)
    packed = PackedLinear(plain)
    torch.testing.assert_close(packed(rows), plain(rows), rtol=1e-4, atol=1e-5)


def test_what_was_packed_comes_back_bit_by_bit() -> None:
    plain = nn.Linear(80, 48)
    back = PackedLinear(plain).plain()
    assert torch.equal(back.weight, plain.weight)
    assert back.bias is plain.bias


def test_only_large_layers_of_single_precision_on_the_cpu_are_packed(tokenizer: Any) -> None:
    model = tiny_model("llama", len(tokenizer))
    mlp = model.model.layers[0].mlp
    mlp.up_proj = nn.Linear(512, 256, bias=False)
    mlp.down_proj = nn.Linear(512, 256, bias=False, dtype=torch.bfloat16)
    mlp.gate_proj = nn.Linear(512, 256, bias=False, device="meta")
    model.lm_head = type("Scaled", (nn.Linear,), {})(512, 256)
    assert pack_linears(model) == 1
    assert isinstance(mlp.up_proj, PackedLinear)


@pytest.mark.usefixtures("all_sizes")
def test_a_layer_that_oneDNN_computes_otherwise_stays_plain(  # noqa: N802 - its name
    tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny_model("llama", len(tokenizer))
    monkeypatch.setattr(PackedLinear, "forward", lambda layer, rows: linear(rows, layer._weight.to_dense()) * 1.01)
    assert pack_linears(model) == 0
    assert _packed_layers(model) == 0


@pytest.mark.usefixtures("all_sizes")
@pytest.mark.parametrize("name", ["llama", "qwen3"])
def test_an_engine_on_packed_layers_says_what_generate_says(name: str, reference: Reference, tokenizer: Any) -> None:
    model = tiny_model(name, len(tokenizer))
    config = ModelConfig(name=name, file=Path("models.yaml"), threads=1)
    engine = engine_for(model, _intake(tokenizer), config=config, slots=3, flush_timeout_seconds=0.0)
    try:
        texts = [TEXT[start : start + 40] for start in (1, 20, 60)]
        futures = [engine.submit(text, ask(text, max_tokens=12), lambda _: None) for text in texts]
        said = [future.result().text for future in futures]
    finally:
        engine.close()
    assert _packed_layers(model) == 2 * 7 + 1
    expected = [greedy(reference(name), tokenizer, text, 12) for text in texts]
    assert said == [tokenizer.decode(token_ids, skip_special_tokens=True) for token_ids in expected]


@pytest.mark.usefixtures("all_sizes")
def test_a_model_whose_code_reads_a_weight_is_served_with_plain_layers(tokenizer: Any) -> None:
    model = tiny_model("llama", len(tokenizer))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    mlp = model.model.layers[0].mlp
    mlp.forward = lambda rows: linear(linear(rows, mlp.up_proj.weight), mlp.down_proj.weight)
    config = ModelConfig(name="odd", file=Path("models.yaml"), threads=1)
    engine = engine_for(model, _intake(tokenizer), config=config, slots=2, flush_timeout_seconds=0.0)
    engine.close()
    assert isinstance(engine, TorchEngine)
    assert _packed_layers(model) == 0
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.usefixtures("all_sizes")
def test_a_weight_that_others_use_too_is_theirs_again_when_it_is_unpacked(tokenizer: Any) -> None:
    model = tiny_model("llama", len(tokenizer))
    embedding = model.get_input_embeddings().weight
    model.lm_head.weight = embedding
    pack_linears(model)
    assert isinstance(model.lm_head, PackedLinear)
    unpack_linears(model)
    assert model.lm_head.weight is embedding


@pytest.mark.usefixtures("all_sizes")
def test_packing_and_unpacking_leaves_a_model_as_it_was(tokenizer: Any) -> None:
    model = tiny_model("qwen3", len(tokenizer))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert pack_linears(model) == _packed_layers(model) > 0
    unpack_linears(model)
    assert model.state_dict().keys() == before.keys()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
