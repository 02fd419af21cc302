"""The training loop: bounded by steps and by the clock, and it keeps the best model, not the last."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import torch
from torch import nn
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from scripts.demo.dialogue import Sampler
from scripts.demo.evaluation import HeldOutLoss, held_out_loss


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How to train. The run ends after *steps* or after *limit_seconds*, whichever comes first."""

    steps: int
    limit_seconds: float
    tokens_per_step: int = 2048
    context: int = 1024
    length_weights: tuple[float, float, float] = (0.45, 0.4, 0.15)
    """Of sequences of a quarter, a half and the whole of the context."""
    peak_rate: float = 2e-3
    floor_rate: float = 3e-5
    warmup_steps: int = 100
    weight_decay: float = 0.1
    evaluate_every: int = 100
    patience: int = 8
    """Evaluations without a better held-out loss before the run gives up."""

    @property
    def window(self) -> int:
        """Tokens in a stretch of held-out text."""
        return self.context // 2

    def rate(self, step: int, elapsed_seconds: float) -> float:
        """The learning rate: a linear start, then a cosine over the steps or the clock, whichever is further on.

        So a run that ends in time is the same for the same seed, and one that the clock cuts has still cooled down.
        """
        progress = min(1.0, max(step / self.steps, elapsed_seconds / self.limit_seconds))
        cosine = 0.5 * (1 + math.cos(math.pi * progress))
        return min(1.0, (step + 1) / self.warmup_steps) * (
            self.floor_rate + (self.peak_rate - self.floor_rate) * cosine
        )


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands; *training_loss* is the mean since the last report, with dropout, in nats per token."""

    step: int
    tokens_seen: int
    elapsed_seconds: float
    training_loss: float
    held_out: HeldOutLoss
    is_best: bool
    """No report of the run before it had a lower held-out loss."""

    @property
    def tokens_per_second(self) -> float:
        """Tokens learned from, over all the time so far, evaluations included."""
        return self.tokens_seen / self.elapsed_seconds


def train(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    sampler: Sampler,
    held_out: str,
    *,
    plan: Plan,
    random: Random,
    clock: Callable[[], float],
    on_report: Callable[[Progress], None],
) -> Progress:
    """Train *model* in place and return the best report; *on_report* hears of each.

    Dropout draws from torch's own generator: seed that too for a repeatable run.
    """
    optimizer = _optimizer(model, plan)
    model.train()
    begun = clock()
    best: Progress | None = None
    tokens_seen, stale, losses = 0, 0, []
    for step in range(plan.steps):
        elapsed = clock() - begun
        for group in optimizer.param_groups:
            group["lr"] = plan.rate(step, elapsed)
        length = random.choices((plan.context // 4, plan.context // 2, plan.context), plan.length_weights)[0]
        rows = max(1, plan.tokens_per_step // length)
        losses.append(_step(model, optimizer, torch.tensor(sampler.batch(rows=rows, length=length))))
        tokens_seen += rows * length
        out_of_time = clock() - begun >= plan.limit_seconds
        if (step + 1) % plan.evaluate_every and step + 1 < plan.steps and not out_of_time:
            continue
        measured = held_out_loss(model, tokenizer, held_out, window=plan.window)
        report = Progress(
            step=step + 1,
            tokens_seen=tokens_seen,
            elapsed_seconds=clock() - begun,
            training_loss=sum(losses) / len(losses),
            held_out=measured,
            is_best=best is None or measured.nats_per_token < best.held_out.nats_per_token,
        )
        losses.clear()
        best, stale = (report, 0) if best is None or report.is_best else (best, stale + 1)
        on_report(report)
        if out_of_time or stale >= plan.patience:
            break
    if best is None:
        raise ValueError("a run needs at least one step")
    return best


def _step(model: LlamaForCausalLM, optimizer: torch.optim.Optimizer, batch: torch.Tensor) -> float:
    batch = batch.to(model.device)
    with torch.autocast(model.device.type, torch.bfloat16):
        logits = model(input_ids=batch[:, :-1], use_cache=False).logits
    loss = nn.functional.cross_entropy(logits.float().flatten(0, 1), batch[:, 1:].flatten())
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.item()


def _optimizer(model: LlamaForCausalLM, plan: Plan) -> torch.optim.Optimizer:
    matrices = [parameter for parameter in model.parameters() if parameter.dim() > 1]
    vectors = [parameter for parameter in model.parameters() if parameter.dim() <= 1]
    return torch.optim.AdamW(
        [{"params": matrices, "weight_decay": plan.weight_decay}, {"params": vectors, "weight_decay": 0.0}],
        lr=plan.peak_rate,
        betas=(0.9, 0.95),
        fused=True,
    )
