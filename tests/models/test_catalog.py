from __future__ import annotations

from pathlib import Path

import pytest

from models.catalog import Catalog, CatalogError, ModelConfig, Upstream, config_file

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
          small: {path: weights, slots: 4, reserved_interactive_slots: 3, limits: {max_tokens: 7}}
          big: {hub: org/big, revision: 0123456789abcdef0123456789abcdef01234567}
          said: {engine: scripted, script: {reply: Hello, tokens_per_second: 20}}
        aliases: {gpt: big}
        """,
    )

    assert list(catalog.models) == ["small", "big", "said"]
    assert catalog.default.path == tmp_path / "weights"
    assert (catalog.default.slots, catalog.default.limits.max_tokens) == (4, 7)
    assert [model.reserved_interactive_slots for model in catalog.models.values()] == [3, 0, 0]
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
        ("models: {a: {path: x, reserved_interactive_slots: -1}}", "models.a.reserved_interactive_slots", "at least 0"),
        (
            "models: {a: {path: x, slots: 4, reserved_interactive_slots: 4}}",
            "models.a.reserved_interactive_slots",
            "less than the 4 slots",
        ),
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
        ("models: {a: {path: x, upstream: {url: 'http://h', model: b}}}", "models.a.upstream", "engine: upstream"),
        ("models: {a: {path: x, engine: embedder}}", "models.a.engine", "torch, encoder, scripted, upstream"),
        ("models: {a: {engine: encoder}}", "models.a.path", "`hub`"),
        ("models: {a: {engine: encoder, hub: o/m}}", "models.a.revision", "commit hash"),
        ("models: {a: {engine: encoder, path: x, script: {}}}", "models.a.script", "scripted"),
        ("models: {a: {engine: encoder, path: x, limits: {max_inputs: 0}}}", "models.a.limits.max_inputs", "at least"),
        ("models: {a: {engine: scripted, script: {dimensions: 0}}}", "models.a.script.dimensions", "at least 1"),
        ("models: {a: {engine: upstream}}", "models.a.upstream", "required"),
        ("models: {a: {engine: upstream, upstream: {model: b}}}", "models.a.upstream.url", "required"),
        ("models: {a: {engine: upstream, path: x}}", "models.a.path", "no weights"),
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


@pytest.mark.parametrize(
    ("settings", "field", "form"),
    [
        ("url: host/v1", "url", "https://host/v1"),
        ("url: 'ftp://host'", "url", "https://host/v1"),
        ("url: 'http://'", "url", "https://host/v1"),
        ("url: 'http://host:port/v1'", "url", "https://host/v1"),
        ("url: 'http://host/v 1'", "url", "https://host/v1"),
        ("url: 'https://me:secret@host/v1'", "url", "api_key_env"),
        ("url: 'https://host/v1?key=1'", "url", "query"),
        ("url: 'https://host/v1/chat/completions/'", "url", "before"),
        ("model: ''", "model", "1 to 200"),
        ("api_key_env: sk-secret", "api_key_env", "name of an environment variable"),
        ("connect_timeout_s: 61", "connect_timeout_s", "up to 60"),
        ("first_token_timeout_s: 0", "first_token_timeout_s", "above 0"),
        ("read_timeout_s: .inf", "read_timeout_s", "above 0"),
        ("read_timeout_s: soon", "read_timeout_s", "above 0"),
        ("deterministic: sometimes", "deterministic", "true or false"),
        ("headers: {authorization: Bearer x}", "headers.authorization", "api_key_env"),
        ("headers: {Host: x}", "headers.Host", "itself"),
        ("headers: {X Y: x}", "headers.X Y", "letters"),
        ('headers: {X-Y: "a\\nb"}', "headers.X-Y", "printable"),
        ("key: sk-secret", "key", "not a known setting"),
    ],
)
def test_what_is_wrong_with_an_upstream_is_named_without_its_secrets(
    settings: str, field: str, form: str, tmp_path: Path
) -> None:
    whole = {"url": "url: 'http://host/v1'", "model": "model: b"}
    given = ", ".join({**whole, settings.partition(":")[0]: settings}.values())
    with pytest.raises(CatalogError) as refusal:
        load(tmp_path, f"models: {{a: {{engine: upstream, upstream: {{{given}}}}}}}")

    assert f"models.a.upstream.{field}" in str(refusal.value)
    assert form in str(refusal.value)
    assert "secret" not in str(refusal.value)
    assert len(str(refusal.value).splitlines()) == 1


def test_an_upstream_has_timeouts_of_its_own_and_a_key_from_the_environment(tmp_path: Path) -> None:
    catalog = load(
        tmp_path,
        """
        models:
          far:
            engine: upstream
            slots: 64
            upstream:
              url: https://host:8000/v1/
              model: org/big
              api_key_env: FAR_KEY
              headers: {X-Team: bard}
              read_timeout_s: 9
          near: {engine: upstream, upstream: {url: "http://127.0.0.1:8000/v1", model: small}}
        """,
    )
    far, near = catalog.models.values()

    assert far.upstream == Upstream(
        url="https://host:8000/v1/",
        model="org/big",
        api_key_env="FAR_KEY",
        headers={"X-Team": "bard"},
        read_timeout_seconds=9,
    )
    assert far.upstream_key({"FAR_KEY": "sk-1"}) == "sk-1"
    assert near.upstream_key({"FAR_KEY": "sk-1"}) is None
    assert catalog.default.upstream is not None


def test_a_model_repeats_itself_unless_its_script_tells_the_time_or_its_server_may_not(tmp_path: Path) -> None:
    catalog = load(
        tmp_path,
        """
        models:
          own: {path: weights}
          said: {engine: scripted}
          clock: {engine: scripted, script: {tells_time: true}}
          far: {engine: upstream, upstream: {url: "http://h/v1", model: b}}
          sure: {engine: upstream, upstream: {url: "http://h/v1", model: b, deterministic: true}}
        """,
    )

    assert [name for name, model in catalog.models.items() if model.is_deterministic] == ["own", "said", "sure"]


@pytest.mark.parametrize("key", ["", "sk secret", "sk-secret\n", "sk-sécret"])
def test_a_key_that_cannot_be_one_is_refused_and_not_shown(key: str, tmp_path: Path) -> None:
    upstream = Upstream(url="http://h/v1", model="b", api_key_env="FAR_KEY")
    model = ModelConfig(name="far", file=tmp_path / "models.yaml", engine="upstream", upstream=upstream)

    with pytest.raises(CatalogError, match=r"FAR_KEY: .*models\.far\.upstream\.api_key_env") as refusal:
        model.upstream_key({"FAR_KEY": key})

    assert "cret" not in str(refusal.value)


def test_an_encoder_embeds_and_has_a_folder_and_a_limit_of_inputs(tmp_path: Path) -> None:
    catalog = load(
        tmp_path,
        """
        models:
          words: {path: words}
          vectors: {engine: encoder, path: vectors, slots: 8, limits: {max_inputs: 16}}
          invented: {engine: scripted, script: {dimensions: 8}}
        """,
    )
    words, vectors, invented = catalog.models.values()

    assert [model.embeds for model in (words, vectors, invented)] == [False, True, True]
    assert vectors.path == tmp_path / "vectors"
    assert (vectors.limits.max_inputs, words.limits.max_inputs) == (16, 2048)


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
