"""A small tokenizer stretched to the vocabulary of a big model."""

import json
from collections.abc import Iterator
from itertools import count, product
from string import ascii_lowercase

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from scripts.demo.tokenizer import wrap

SPACE = "Ġ"  # how the byte-level alphabet writes " "


def fill(tokenizer: PreTrainedTokenizerFast, vocab_size: int) -> PreTrainedTokenizerFast:
    """*tokenizer* with made-up words up to *vocab_size* tokens, so that every id a model can emit has a text.

    No text is ever encoded with them: text gives the same ids as before.
    """
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    vocab = state["model"]["vocab"]
    words = (SPACE + word for word in _words())
    while len(vocab) < vocab_size:
        word = next(words)
        vocab.setdefault(word, len(vocab))
    return wrap(Tokenizer.from_str(json.dumps(state)), context=tokenizer.model_max_length)


def _words() -> Iterator[str]:
    for length in count(2):
        for letters in product(ascii_lowercase, repeat=length):
            yield "".join(letters)
