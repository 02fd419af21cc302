"""A transformers model whose attention works on slots."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel

from models.kv_cache import SlotCache
from models.scheduler import Step
from models.step_layout import StepLayout

_numbers = itertools.count()


Attend = Callable[..., tuple[Tensor, None]]


class AttentionSwitch:
    """What transformers calls for one model: `attend`, which may be replaced between two passes."""

    def __init__(self) -> None:
        self.attend: Attend = _detached

    def __call__(self, *args: Any, **options: Any) -> tuple[Tensor, None]:
        """Attention as transformers calls it."""
        return self.attend(*args, **options)


class SlotModel:
    """Runs steps of any number of sequences through a model's own code.

    The model asks transformers for its attention by name; a name of its own leads to our `switch`.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        self.model = model
        self.switch = AttentionSwitch()
        self._original = model.config._attn_implementation  # noqa: SLF001 - transformers has no public name for it
        self._takes_rows = "logits_to_keep" in inspect.signature(model.forward).parameters
        name = f"frontier_slots_{next(_numbers)}"
        AttentionInterface.register(name, self.switch)
        AttentionMaskInterface.register(name, _no_mask)
        model.set_attn_implementation(name)

    @property
    def device(self) -> torch.device:
        """Where token ids go in."""
        return embedding(self.model).device

    def logits(self, cache: SlotCache, step: Step) -> tuple[StepLayout, Tensor]:
        """Run a step; the scores [sampled rows, vocabulary] of each next token."""
        layout = StepLayout(
            step,
            device=self.device,
            context_tokens=cache.context_tokens,
            bucket_cost_tokens=cache.bucket_cost_tokens,
        )
        cache.layout = layout
        return layout, self.forward(layout.token_ids, layout.positions, layout.sampled_rows)

    def forward(self, token_ids: Tensor, positions: Tensor, rows: Tensor) -> Tensor:
        """The scores after the given rows of `token_ids` [1, rows]."""
        inputs = {"input_ids": token_ids, "position_ids": positions, "use_cache": False}
        if self._takes_rows:
            logits: Tensor = self.model(**inputs, logits_to_keep=rows).logits[0]
            return logits
        every: Tensor = self.model(**inputs).logits[0]
        return every[rows]

    def restore(self) -> None:
        """Give the model its own attention back."""
        self.model.set_attn_implementation(self._original)
        self.detach()

    def detach(self) -> None:
        """Let go of the cache; transformers keeps the switch for good."""
        self.switch.attend = _detached


def embedding(model: PreTrainedModel) -> Tensor:
    """The input embedding [vocabulary, width]: what ids there are, and where they go in."""
    weight = model.get_input_embeddings().weight
    if not isinstance(weight, Tensor):
        message = "the model has no input embedding"
        raise TypeError(message)
    return weight


def _detached(*_: Any, **__: Any) -> tuple[Tensor, None]:
    message = "this model's engine is closed"
    raise RuntimeError(message)


def _no_mask(*_: Any, **__: Any) -> None:
    """Every token's view is known from its slot."""
