"""How well a model foretells a text that it has not seen."""

import math
from dataclasses import dataclass

import torch
from torch import nn
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast


@dataclass(frozen=True, slots=True)
class HeldOutLoss:
    """Measured on plain text in windows that each start afresh."""

    nats_per_token: float
    bits_per_byte: float


@torch.no_grad()
def held_out_loss(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, text: str, *, window: int, rows: int = 8
) -> HeldOutLoss:
    """The loss over every token of *text*, in windows of *window* tokens, *rows* of them at a time."""
    was_training = model.training
    model.train(mode=False)
    ids = tokenizer.encode(text, add_special_tokens=False, verbose=False)
    bos = tokenizer.bos_token_id
    sequences = [[bos, *ids[start : start + window]] for start in range(0, len(ids), window)]
    total = 0.0
    for start in range(0, len(sequences), rows):
        for group in _of_equal_length(sequences[start : start + rows]):
            batch = torch.tensor(group, device=model.device)
            with torch.autocast(model.device.type, torch.bfloat16):
                logits = model(input_ids=batch[:, :-1], use_cache=False).logits
            total += nn.functional.cross_entropy(
                logits.float().flatten(0, 1), batch[:, 1:].flatten(), reduction="sum"
            ).item()
    model.train(mode=was_training)
    return HeldOutLoss(
        nats_per_token=total / len(ids),
        bits_per_byte=total / math.log(2) / len(text.encode()),
    )


def _of_equal_length(sequences: list[list[int]]) -> list[list[list[int]]]:
    """The last window of a text is shorter than the others and goes alone."""
    full = [sequence for sequence in sequences if len(sequence) == len(sequences[0])]
    rest = [sequence for sequence in sequences if len(sequence) != len(sequences[0])]
    return [full, rest] if rest else [full]
