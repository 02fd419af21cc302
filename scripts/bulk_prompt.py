"""How a line's prompt is made of its record: one column as it stands, or a template with columns in it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


class PromptMaker(Protocol):
    """Makes the prompt of a record; `of` raises ValueError with words for the line."""

    @property
    def columns(self) -> tuple[str, ...]:
        """What every record must have."""

    def of(self, record: Mapping[str, Any]) -> str: ...


@dataclass(frozen=True, slots=True)
class Column:
    """The text of one column is the prompt."""

    name: str

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.name,)

    def of(self, record: Mapping[str, Any]) -> str:
        prompt = _value(record, self.name)
        if not isinstance(prompt, str):
            raise ValueError(f"the field {self.name!r} is not a string")  # noqa: TRY004 - the caller's data, not its code
        if not prompt:
            raise ValueError(f"the field {self.name!r} is empty")
        return prompt


@dataclass(frozen=True, slots=True)
class Template:
    """Text with columns between: `{name}` is a column, whatever its name is made of; `{{` and `}}` are braces.

    What a record holds is put in as it is, and never read as a template again.
    """

    texts: tuple[str, ...]
    columns: tuple[str, ...]

    @classmethod
    def parse(cls, source: str) -> Self:
        """Raises ValueError for a brace without its partner, and where no column is named."""
        texts, columns, begin = [""], list[str](), 0
        for match in _PIECE.finditer(source):
            texts[-1] += source[begin : match.start()]
            begin = match.end()
            if match[0] in {"{{", "}}"}:
                texts[-1] += match[0][0]
            elif match[1]:
                columns.append(match[1])
                texts.append("")
            elif match[0] == "{}":
                raise ValueError("{} names no column")
            else:
                raise ValueError(
                    f"character {begin} is a {match[0]} alone; write {match[0] * 2} to have one in the text"
                )
        texts[-1] += source[begin:]
        if not columns:
            raise ValueError("no column stands in it, such as {prompt}")
        return cls(tuple(texts), tuple(columns))

    def of(self, record: Mapping[str, Any]) -> str:
        values = [_as_text(name, _value(record, name)) for name in self.columns]
        prompt = self.texts[0] + "".join(value + text for value, text in zip(values, self.texts[1:], strict=True))
        if not prompt:
            raise ValueError("the prompt is empty")
        return prompt


def _value(record: Mapping[str, Any], name: str) -> Any:
    if name not in record:
        raise ValueError(f"the field {name!r} is missing")
    return record[name]


def _as_text(name: str, value: Any) -> str:
    """Text as it is, and numbers, true and false as JSON writes them."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    raise ValueError(f"the field {name!r} is no text and no number")
