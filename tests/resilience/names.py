"""DNS as a test wants it."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence


class Names:
    """Answers each name with its own list, in turn where it has several."""

    def __init__(self, *answers: Mapping[str, Sequence[str]]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, _port: int) -> Sequence[str]:
        self.asked.append(host)
        answers = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if host not in answers:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return answers[host]
