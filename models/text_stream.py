"""Turns token ids into text piece by piece, ending at a stop string."""

from __future__ import annotations

from typing import Protocol


class Decoder(Protocol):
    """Makes text of token ids, one at a time; the pieces and the rest join to the text of all ids."""

    def push(self, token_id: int) -> str:
        """The text this token completes; empty while a character is still open."""
        ...

    def flush(self) -> str:
        """What is still held back, as it would read if no token followed."""
        ...


class TextStream:
    """The text of one completion: never shows a part of a stop string, nor anything after one."""

    def __init__(self, decoder: Decoder, stop: tuple[str, ...] = ()) -> None:
        self._decoder = decoder
        self._stop = tuple(filter(None, stop))
        self._held = ""
        self._pieces: list[str] = []
        self.is_stopped = False

    @property
    def text(self) -> str:
        """All pieces so far."""
        return "".join(self._pieces)

    def push(self, token_id: int, *, is_last: bool) -> str:
        """The piece this token adds; with *is_last* everything held back is given out."""
        fresh = self._decoder.push(token_id)
        if is_last:
            fresh += self._decoder.flush()
        piece = self._until_stop(fresh) if self._stop else fresh
        if is_last or self.is_stopped:
            piece += self._held
            self._held = ""
        if piece:
            self._pieces.append(piece)
        return piece

    def _until_stop(self, fresh: str) -> str:
        buffer = self._held + fresh
        found = [(start + len(stop), start) for stop in self._stop if (start := buffer.find(stop)) >= 0]
        if found:
            self.is_stopped = True
            self._held = ""
            _, start = min(found)  # the first to be complete, however the text was cut into tokens
            return buffer[:start]
        held_chars = max(_overlap(buffer, stop) for stop in self._stop)
        self._held = buffer[len(buffer) - held_chars :]
        return buffer[: len(buffer) - held_chars]


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of *text* could begin *stop*."""
    for length in range(min(len(stop) - 1, len(text)), 0, -1):
        if text.endswith(stop[:length]):
            return length
    return 0
