"""What a trained model says when it is asked, for its card."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast


@dataclass(frozen=True, slots=True)
class Sample:
    """A prompt and its answer; *is_chat* says that the prompt went through the chat template as a user's message."""

    prompt: str
    answer: str
    is_chat: bool
    stopped: bool
    """True if the model ended its answer itself, false if the limit did."""


CARD_PROMPTS: Sequence[tuple[str, bool]] = (
    ("ROMEO:\nWhat light", False),
    ("The king is dead, and all his", False),
    ("What is love, and why does it hurt?", True),
)


@torch.no_grad()
def sample(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    prompt: str,
    *,
    is_chat: bool,
    seed: int,
    max_tokens: int = 80,
    temperature: float = 0.8,
    top_p: float = 0.95,
) -> Sample:
    """One sampled answer; seeds torch's own generator."""
    torch.manual_seed(seed)
    text = prompt
    if is_chat:
        messages = [{"role": "user", "content": prompt}]
        text = str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
    encoded = tokenizer(text, return_tensors="pt", add_special_tokens=not is_chat).to(model.device)
    model.train(mode=False)
    output = model.generate(  # type: ignore[misc]
        input_ids=encoded["input_ids"],
        attention_mask=encoded["attention_mask"],
        max_new_tokens=max_tokens,
        do_sample=True,
        temperature=temperature,
        top_p=top_p,
        top_k=0,
    )
    answer = output[0, encoded["input_ids"].shape[1] :].tolist()
    return Sample(
        prompt=prompt,
        answer=str(tokenizer.decode(answer, skip_special_tokens=True)),
        is_chat=is_chat,
        stopped=tokenizer.eos_token_id in answer,
    )
