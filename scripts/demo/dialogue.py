"""The plays as training sequences.

The source is blocks of ``NAME:`` and a speech, parted by empty lines. A sequence takes one of two forms:

- *chat*: each speech ends in the end token, and the next speaker's name follows at once, as in the chat template;
- *plain*: the text as it stands, now and then beginning in the middle of a speech, as a completion prompt does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from transformers import PreTrainedTokenizerFast


@dataclass(frozen=True, slots=True)
class Corpus:
    """The text, parted into what the model learns from and the end that it never sees."""

    training: str
    held_out: str


def part(text: str, *, held_out_fraction: float) -> Corpus:
    """Hold out the last *held_out_fraction* of *text*, cut between two speeches."""
    cut = text.rfind("\n\n", 0, int(len(text) * (1 - held_out_fraction)) + 2)
    if cut < 0:
        raise ValueError("the text is too short to part: it has no empty line before the held-out end")
    return Corpus(training=text[:cut], held_out=text[cut:].lstrip("\n"))


class Sampler:
    """Draws training sequences from the speeches of a text."""

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerFast,
        text: str,
        *,
        random: Random,
        chat_share: float = 0.5,
        mid_speech_share: float = 0.3,
    ) -> None:
        self._speeches = [
            tokenizer.encode(speech, add_special_tokens=False, verbose=False)
            for speech in filter(None, (block.strip("\n") for block in text.split("\n\n")))
        ]
        self._bos: int = tokenizer.bos_token_id
        self._eos: int = tokenizer.eos_token_id
        [self._newline] = tokenizer.encode("\n", add_special_tokens=False)
        self._random = random
        self._chat_share = chat_share
        self._mid_speech_share = mid_speech_share

    def batch(self, *, rows: int, length: int) -> list[list[int]]:
        """*rows* sequences of *length* + 1 tokens each: inputs and, shifted by one, targets."""
        return [self._sequence(length + 1) for _ in range(rows)]

    def _sequence(self, length: int) -> list[int]:
        chat = self._random.random() < self._chat_share
        position = self._random.randrange(len(self._speeches))
        ids = [self._bos]
        while len(ids) < length:
            speech = self._speeches[position % len(self._speeches)]
            if len(ids) == 1 and not chat and self._random.random() < self._mid_speech_share:
                speech = self._from_some_line(speech)
            ids += speech
            ids += [self._eos] if chat else [self._newline, self._newline]
            position += 1
        return ids[:length]

    def _from_some_line(self, speech: Sequence[int]) -> Sequence[int]:
        starts = [index + 1 for index, token in enumerate(speech) if token == self._newline]
        return speech[self._random.choice(starts) :] if starts else speech
