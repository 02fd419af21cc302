"""Decodes token ids one at a time, at a cost that does not grow with the text."""

from __future__ import annotations

from collections.abc import Callable

_BROKEN = "\ufffd"
_UNFINISHED_CHARS = 3
"""How many U+FFFD one unfinished character may read as: one, or one for each of its bytes."""


class Detokenizer:
    """Makes pieces that join to what *decode* makes of all ids at once.

    A tokeniser may write a token in another way at the start of a text (without its leading space), so new
    tokens are always decoded together with a few before them. Bytes of an unfinished character are held
    back: they would read as U+FFFD.
    """

    def __init__(self, decode: Callable[[list[int]], str]) -> None:
        self._decode = decode
        self._ids: list[int] = []
        self._fresh_from = 0
        self._old_chars = 0
        self._shown_chars = 0
        self._text = ""

    def push(self, token_id: int) -> str:
        """The text that is certain now and was not before."""
        self._ids.append(token_id)
        self._text = self._decode(self._ids)
        broken_chars = len(self._text) - len(self._text.rstrip(_BROKEN))
        certain_chars = len(self._text) - min(broken_chars, _UNFINISHED_CHARS)
        piece = self._text[self._shown_chars : certain_chars]
        self._shown_chars = max(self._shown_chars, certain_chars)
        if not broken_chars and len(self._text) > self._old_chars:
            self._forget()
        return piece

    def flush(self) -> str:
        """The unfinished character, as U+FFFD, if there is one."""
        piece = self._text[self._shown_chars :]
        self._shown_chars = len(self._text)
        return piece

    def _forget(self) -> None:
        """Keep the newest tokens that show as the only context of the next ones."""
        self._ids = self._ids[self._fresh_from :]
        self._text = self._decode(self._ids)
        self._fresh_from = len(self._ids)
        self._old_chars = self._shown_chars = len(self._text)
