from __future__ import annotations

from pathlib import Path

import pytest

from models.catalog import Catalog, CatalogError, config_file

SHIPPED = Path(__file__).parents[2] / "configs" / "llm_default.yaml"


def load(folder: Path, text: str) -> Catalog:
    file = folder / "models.yaml"
    file.write_text(text)
    return Catalog.load(file)


def test_the_shipped_file_names_shakespeare_and_the_alias_gpt_4o() -> None:
    catalog = Catalog.load(SHIPPED)

    assert catalog.default.name == "shakespeare"
    assert catalog.resolve("gpt-4o") is catalog.default
    assert catalog.default.path == SHIPPED.parents[1] / "weights" / "shakespeare"


def test_the_shipped_file_can_be_read_anywhere(tmp_path: Path) -> None:
    catalog = load(tmp_path, SHIPPED.read_text())

    assert catalog.default.path == tmp_path.parent / "weights" / "shakespeare"


def test_the_first_model_is_the_default_and_names_resolve_directly_or_by_alias(tmp_path: Path) -> None:
    catalog = load(
        tmp_path,
        """
        models:
          small: {path: weights, slots: 4, limits: {max_tokens: 7}}
          big: {hub: org/big, revision: 0123456789abcdef0123456789abcdef01234567}
          said: {engine: scripted, script: {reply: Hello, tokens_per_second: 20}}
        aliases: {gpt: big}
        """,
    )

    assert list(catalog.models) == ["small", "big", "said"]
    assert catalog.default.path == tmp_path / "weights"
    assert (catalog.default.slots, catalog.default.limits.max_tokens) == (4, 7)
    resolved = catalog.resolve("gpt")
    assert resolved is not None
    assert (resolved.name, resolved.hub) == ("big", "org/big")
    assert catalog.models["said"].script.reply == "Hello"
    assert catalog.resolve("unknown") is None


@pytest.mark.parametrize(
    ("text", "field", "form"),
    [
        ("{}", "models", "required"),
        ("models: {}", "models", "at least one model"),
        ("models: {a: {path: x, dtype: int4}}", "models.a.dtype", "float32, bfloat16, float16"),
        ("models: {a: {path: x, slots: many}}", "models.a.slots", "whole number"),
        ("models: {a: {path: x, slots: true}}", "models.a.slots", "whole number"),
        ("models: {a: {path: x, limits: {max_tokens: 0}}}", "models.a.limits.max_tokens", "at least 1"),
        ("models: {a: {path: x, limits: 3}}", "models.a.limits", "mapping"),
        ("models: {a: {path: x, colour: red}}", "models.a.colour", "not a known setting"),
        ("models: {a: {path: x, device_map: gpu}}", "models.a.device_map", "cuda:N"),
        ("models: {a: {}}", "models.a.path", "`hub`"),
        ("models: {a: {path: x, hub: o/m}}", "models.a.path", "either"),
        ("models: {a: {hub: o/m}}", "models.a.revision", "commit hash"),
        ("models: {a: {hub: o/m, revision: main}}", "models.a.revision", "40 hexadecimal digits"),
        ("models: {a: {engine: scripted, path: x}}", "models.a.path", "no weights"),
        ("models: {a: {path: x, script: {}}}", "models.a.script", "scripted"),
        ("models: {a b: {path: x}}", "models.a b", "letters"),
        ("models: {a: {path: x}}\naliases: {b: c}", "aliases.b", "'c'"),
        ("models: {a: {path: x}}\naliases: {a: a}", "aliases.a", "already"),
        ("models: {a: {path: x}, a: {path: y}}", "`a`", "twice"),
        ("models: [", "YAML", "line"),
        ("- a", "mapping", "models"),
    ],
)
def test_what_is_wrong_is_named_with_file_field_and_accepted_form(
    text: str, field: str, form: str, tmp_path: Path
) -> None:
    with pytest.raises(CatalogError) as refusal:
        load(tmp_path, text)

    assert str(tmp_path / "models.yaml") in str(refusal.value)
    assert field in str(refusal.value)
    assert form in str(refusal.value)


def test_every_error_of_a_file_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(CatalogError) as refusal:
        load(tmp_path, "models: {a: {path: x, slots: 0, threads: 0}}")

    assert len(str(refusal.value).splitlines()) == 2


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"nowhere\.yaml: cannot be read"):
        Catalog.load(tmp_path / "nowhere.yaml")


def test_the_configuration_that_ships_is_read_unless_another_is_named() -> None:
    assert config_file({}) == SHIPPED == config_file({"TRUTHGPT_CONFIG": ""})
    assert config_file({"TRUTHGPT_CONFIG": "/etc/models.yaml"}) == Path("/etc/models.yaml")
