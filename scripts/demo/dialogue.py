"""The plays as training sequences.

The source is blocks of ``NAME:`` and a speech, parted by empty lines. A sequence takes one of two forms:

- *chat*: each speech ends in the end token, and the next speaker's name follows at once, as in the chat template;
- *plain*: the text as it stands, now and then beginning in the middle of a speech, as a completion prompt does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random

from transformers import PreTrainedTokenizerFast

NEWLINE_PIECE = "Ċ"  # how the byte-level alphabet writes "\n"


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
        split_share: float = 0.04,
    ) -> None:
        """*split_share* of the words is cut at a random place and each half encoded alone.

        So the model meets more than one spelling of a word. It learns what the pieces of unseen words are worth, learns
        the text by heart later, and takes a prompt that ends inside a word.
        """
        backend = tokenizer.backend_tokenizer
        self._speeches = [
            tuple(piece for piece, _ in backend.pre_tokenizer.pre_tokenize_str(speech))
            for speech in filter(None, (block.strip("\n") for block in text.split("\n\n")))
        ]
        self._encode = _piece_encoder(tokenizer)
        self._bos: int = tokenizer.bos_token_id
        self._eos: int = tokenizer.eos_token_id
        self._random = random
        self._chat_share = chat_share
        self._mid_speech_share = mid_speech_share
        self._split_share = split_share

    def batch(self, *, rows: int, length: int) -> list[list[int]]:
        """*rows* sequences of *length* + 1 tokens each: inputs and, shifted by one, targets."""
        return [self._sequence(length + 1) for _ in range(rows)]

    def _sequence(self, length: int) -> list[int]:
        chat = self._random.random() < self._chat_share
        position = self._random.randrange(len(self._speeches))
        ids = [self._bos]
        while len(ids) < length:
            pieces: Sequence[str] = self._speeches[position % len(self._speeches)]
            if len(ids) == 1 and not chat and self._random.random() < self._mid_speech_share:
                pieces = self._from_some_line(pieces)
            for piece in pieces:
                ids.extend(self._spell(piece))
            ids.extend([self._eos] if chat else self._encode(NEWLINE_PIECE) * 2)
            position += 1
        return ids[:length]

    def _from_some_line(self, pieces: Sequence[str]) -> Sequence[str]:
        starts = [index + 1 for index, piece in enumerate(pieces) if piece == NEWLINE_PIECE]
        return pieces[self._random.choice(starts) :] if starts else pieces

    def _spell(self, piece: str) -> tuple[int, ...]:
        if len(piece) < 2 or self._random.random() >= self._split_share:  # noqa: PLR2004 - one sign cannot be cut
            return self._encode(piece)
        cut = self._random.randrange(1, len(piece))
        return self._encode(piece[:cut]) + self._encode(piece[cut:])


def _piece_encoder(tokenizer: PreTrainedTokenizerFast) -> Callable[[str], tuple[int, ...]]:
    model = tokenizer.backend_tokenizer.model

    @lru_cache(maxsize=200_000)
    def encode(piece: str) -> tuple[int, ...]:
        return tuple(token.id for token in model.tokenize(piece))

    return encode
