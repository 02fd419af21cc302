from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors import MalformedBody
from api.json_intake import MAX_DEPTH, parse_body

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(TEXT, VALUES, max_size=4), st.booleans())
def test_ordinary_objects_are_read_as_they_were_written(value: dict[str, Any], is_ascii: bool) -> None:  # noqa: FBT001
    assert parse_body(json.dumps(value, ensure_ascii=is_ascii).encode()) == value


@given(st.binary(max_size=200) | st.text('{}[]":,\\u0dD8ne1 -.E', max_size=60).map(str.encode))
def test_whatever_is_sent_is_read_or_refused(body: bytes) -> None:
    with suppress(MalformedBody):
        assert parse_body(body) == json.loads(body)


def test_32_levels_are_read() -> None:
    body = b'{"a":' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH

    assert parse_body(body)
    with pytest.raises(MalformedBody, match="deeper than 32 levels"):
        parse_body(b'{"a":' + body + b"}")


def test_brackets_inside_text_are_no_nesting() -> None:
    text = "[{" * 1000 + '\\" ]}'

    assert parse_body(json.dumps({"prompt": text}).encode()) == {"prompt": text}


@pytest.mark.parametrize(
    "unit", [b"[],", b"[}", b'\\"', b'"', b'{"a":', b"\\", b'"\\', b"[[[[" + b"]]]],", b"1,", b'"a":1,', b"\xff", b"]"]
)
def test_a_mebibyte_of_anything_is_refused(unit: bytes) -> None:
    with pytest.raises(MalformedBody):
        parse_body(b'{"a": ' + unit * (2**20 // len(unit)))


def test_the_place_of_what_is_too_deep_is_told() -> None:
    deep = b"[" * 40

    with pytest.raises(MalformedBody) as refused:
        parse_body(b'{"a": [1, {"b": "x,]"}, {"c\\"": {"d": ' + deep)

    assert refused.value.errors[0].field.startswith('a[2].c\\".d[0]')
