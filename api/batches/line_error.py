"""What is wrong with a batch's input, as OpenAI tells it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from api.cut_text import LONGEST_FIELD, LONGEST_MESSAGE, cut


@dataclass(frozen=True, slots=True, kw_only=True)
class LineError:
    """One thing that is wrong: with the `line` of that number, counted from 1, or without one with the whole file.

    `param` is the path of the field to blame, such as `body.temperature`; the message names both. What is long is cut,
    for the record of the batch keeps it.
    """

    code: str
    message: str
    line: int | None = None
    param: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", cut(self.message, LONGEST_MESSAGE))
        if self.param is not None:
            object.__setattr__(self, "param", cut(self.param, LONGEST_FIELD))

    @property
    def bytes(self) -> int:
        """How many it takes to tell."""
        return len(json.dumps(self.document()))

    @classmethod
    def at(cls, line: int, message: str, *, code: str, param: str | None = None) -> LineError:
        """The error of a line, whose message says where it is."""
        place = f"Line {line}: {param}" if param else f"Line {line}"
        return cls(code=code, message=f"{place}: {message}", line=line, param=param)

    def document(self) -> dict[str, Any]:
        """The element of `errors.data`."""
        return {"code": self.code, "line": self.line, "message": self.message, "param": self.param}


class LineRefused(Exception):
    """Raised for a line that no job can be made of; `errors` say why."""

    def __init__(self, errors: Sequence[LineError]) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = tuple(errors)
