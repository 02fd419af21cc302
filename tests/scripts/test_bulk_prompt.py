"""Prompts that are made of columns."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.bulk_prompt import Template


def made(template: str, **record: Any) -> str:
    return Template.parse(template).of(record)


def test_columns_are_put_in_where_they_are_named_and_doubled_braces_are_braces() -> None:
    assert made("{{{name}}} of {city}, {name}", name="Ada", city="London") == "{Ada} of London, Ada"


def test_a_column_may_have_any_name_and_nothing_is_looked_up_in_it() -> None:
    record = {"a.b[0]!r:>9": "as it is", "__class__": "mine"}

    assert Template.parse("{a.b[0]!r:>9} {__class__}").of(record) == "as it is mine"
    with pytest.raises(ValueError, match=r"the field 'name.__class__' is missing"):
        made("{name.__class__}", name="Ada")


def test_what_a_record_holds_is_never_read_as_a_template() -> None:
    assert made("{a}{b}", a="{b}", b="}}{") == "{b}}}{"


def test_numbers_and_truth_are_written_as_json_writes_them() -> None:
    assert made("{n} {x} {t}", n=3, x=0.5, t=True) == "3 0.5 true"


@pytest.mark.parametrize("value", [None, ["a"], {"a": 1}])
def test_what_is_no_text_is_refused_by_name(value: object) -> None:
    with pytest.raises(ValueError, match=r"the field 'a' is no text and no number"):
        made("{a}", a=value)


def test_a_prompt_without_a_character_is_refused() -> None:
    with pytest.raises(ValueError, match="the prompt is empty"):
        made("{a}", a="")


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("Write to {name", r"character 10 is a { alone; write {{ "),
        ("Write to name}", r"character 14 is a } alone; write }} "),
        ("Write to {}", r"{} names no column"),
        ("Write {{name}}", r"no column stands in it"),
    ],
)
def test_a_template_that_says_nothing_sensible_is_refused_with_the_place(template: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Template.parse(template)
