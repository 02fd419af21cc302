"""What the OpenAPI document says of texts, and of members together: which exclude, and which need, each other."""

from __future__ import annotations

from typing import Any

Rule = dict[str, Any]
"""A schema that every accepted body matches besides those of its members; null is as good as absent."""

NO_NUL = r"^[^\u0000]*$"
"""The pattern of every text: JSON could hold U+0000, and we refuse it."""

TEXT_FORM: Rule = {"type": "string", "pattern": NO_NUL}


def never_together(one: str, other: str) -> Rule:
    """One of them at most is given."""
    return {"anyOf": [_absent(one), _absent(other)]}


def only_with(name: str, needed: str, *, unless: tuple[Any, ...] = ()) -> Rule:
    """Given, with another value than in *unless*, only where *needed* is true."""
    return {"anyOf": [_absent(name, *unless), {"required": [needed], "properties": {needed: {"const": True}}}]}


def one_of(*names: str) -> Rule:
    """At least one of them is given."""
    return {"anyOf": [{"required": [name]} for name in names]}


def said_by_all_but(role: str) -> Rule:
    """A message says something: *role* alone may have said nothing, and says so."""
    text = {"minLength": 1}
    something = {"anyOf": [{"type": "string", **text}, {"type": "array", "contains": {"properties": {"text": text}}}]}
    return {
        "required": ["content"],
        "anyOf": [
            {"properties": {"role": {"const": role}, "content": {"not": {"type": "null"}}}},
            {"properties": {"content": something}},
        ],
    }


def _absent(name: str, *others: Any) -> Rule:
    return {"properties": {name: {"enum": [None, *others]}}}
