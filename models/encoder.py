"""An encoder of transformers that gives one vector per text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize
from transformers import PreTrainedModel

from models.slot_model import embedding


class Encoder:
    """Vectors are the mean over a text's tokens, of length 1; `padding_id` fills the rows of shorter texts."""

    def __init__(self, model: PreTrainedModel, *, padding_id: int) -> None:
        self._model: Any = model
        self._padding_id = padding_id
        weight = embedding(model)
        self.vocabulary = weight.shape[0]
        self.device = weight.device

    @torch.inference_mode()
    def vectors(self, texts: Sequence[Sequence[int]]) -> Tensor:
        """The vectors [texts, dimensions] of token ids, float32 on the CPU."""
        longest = max(map(len, texts))
        rows = [[*text, *[self._padding_id] * (longest - len(text))] for text in texts]
        token_ids = torch.tensor(rows, device=self.device)
        lengths = torch.tensor([len(text) for text in texts], device=self.device)[:, None]
        mask = torch.arange(longest, device=self.device) < lengths
        states: Tensor = self._model(input_ids=token_ids, attention_mask=mask.long()).last_hidden_state
        mask, lengths = mask.to(states.device), lengths.to(states.device)
        total = states.float().masked_fill(~mask[..., None], 0.0).sum(dim=1)
        return normalize(total / lengths, dim=-1).cpu()
