"""The model card, written from what was measured."""

from collections.abc import Sequence
from dataclasses import dataclass

from transformers import LlamaConfig

from scripts.demo.samples import Sample
from scripts.demo.tokenizer import ASSISTANT_SPEAKER, EOS, SYSTEM_SPEAKER, USER_SPEAKER
from scripts.demo.training import Progress


@dataclass(frozen=True, kw_only=True)
class Run:
    """The facts of one training run."""

    config: LlamaConfig
    parameters: int
    best: Progress
    minutes: float
    machine: str
    """In general words, such as "2 CPU cores"."""
    held_out_fraction: float
    held_out_bytes: int
    window: int
    """Tokens in a stretch of the held-out text for the loss of *best*."""
    long_window_loss: float
    """Held-out nats per token in windows of the full context."""
    samples: Sequence[Sample]
    command: str


def card(run: Run, *, name: str) -> str:
    """The text of the README beside the weights."""
    config, best = run.config, run.best
    return f"""\
---
language: en
pipeline_tag: text-generation
---

# {name}

A toy language model for trying the system: it starts at once, needs no download and speaks like a play.
It knows nothing but the text below; do not use it to answer questions.

| | |
|---|---|
| architecture | Llama, {run.parameters / 1e6:.2f} M parameters, bfloat16 safetensors |
| shape | {config.num_hidden_layers} layers, hidden {config.hidden_size}, {config.num_attention_heads} heads, \
{config.num_key_value_heads} key/value heads, intermediate {config.intermediate_size}, tied embeddings |
| context | {config.max_position_embeddings} tokens |
| tokenizer | byte-level BPE trained on the same text, {config.vocab_size} tokens, encodes any text |
| data | tinyshakespeare, from karpathy/char-rnn; the plays are in the public domain; \
the text is not in this repository |
| training | {run.minutes:.0f} minutes on {run.machine}, about {best.tokens_per_second:.0f} tokens a second; \
best at step {best.step}, after {best.tokens_seen / 1e6:.1f} M tokens |
| held-out loss | {best.held_out.nats_per_token:.3f} nats per token, {best.held_out.bits_per_byte:.3f} bits per byte |
| the same, windows of {config.max_position_embeddings} tokens | {run.long_window_loss:.3f} nats per token |

Held out is the last {run.held_out_fraction:.0%} of the text ({run.held_out_bytes:,} bytes), which neither the model nor
the tokenizer was trained on. It chose the checkpoint, so the figure flatters the model a little. It is measured on the
weights as they are stored, on plain text in windows of {run.window} tokens that each start afresh.

## Prompts

A *completion* prompt is plain text. A speaker's name and a line break (`ROMEO:` and a new line) lets him speak. The
answer may end with the speech or go on with other speakers.

In a *chat* the messages become speeches: `user` speaks as {USER_SPEAKER}, `assistant` as {ASSISTANT_SPEAKER}, `system`
as {SYSTEM_SPEAKER}. The answer is nearly always one speech that ends with `{EOS}`, so that generation stops by itself.

## Samples

Sampled at temperature 0.8, top-p 0.95, at most 80 tokens; the first answer for seed 0, not picked.

{chr(10).join(_sample(sample) for sample in run.samples)}
## Training it again

Fetch `data/tinyshakespeare/input.txt` from the repository karpathy/char-rnn, then run

```
{run.command}
```

The same seed gives the same model on the same machine and library versions, as long as the clock does not cut the run
short; the time limit is there so that it always ends.

## Limits

It was trained on about one megabyte of text. It keeps the form of a play (names, lines, the length of a speech) and
loses the thread after a sentence or two. It repeats the prejudices of the plays. It cannot follow instructions.
"""


def _sample(sample: Sample) -> str:
    kind = "Chat, user message" if sample.is_chat else "Completion prompt"
    end = "stopped by itself" if sample.stopped else "cut at the limit"
    return (
        f"{kind}:\n\n```text\n{sample.prompt}\n```\n\nAnswer ({end}):\n\n```text\n{sample.answer.strip(chr(10))}\n```\n"
    )
