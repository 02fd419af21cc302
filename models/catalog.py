"""Which models there are, under which names, and how each is to be loaded; knows no torch."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Self

import yaml
from marshmallow import ValidationError

from models.catalog_schema import CatalogSchema

CONFIG_VARIABLE = "TRUTHGPT_CONFIG"
SHIPPED_CONFIG = Path(__file__).resolve().parent.parent / "configs" / "llm_default.yaml"

EngineKind = Literal["torch", "encoder", "scripted", "upstream"]


class CatalogError(Exception):
    """Raised when a model configuration cannot be read; the message names the file, the field and the accepted form."""


@dataclass(frozen=True, kw_only=True)
class ModelLimits:
    """What one job may ask of a model.

    `max_tokens` is the most completion tokens; `max_prompt_chars` is checked by the API before a prompt is
    tokenised; `max_inputs` is how many texts one job may have embedded; `max_waiting` is how many jobs may wait
    for the model, and `max_waiting_per_tenant` how many of one tenant, or None for any number.
    """

    max_tokens: int = 1024
    max_prompt_chars: int = 32_000
    max_inputs: int = 2048
    max_waiting: int | None = 250_000
    max_waiting_per_tenant: int | None = 125_000


@dataclass(frozen=True, kw_only=True)
class Script:
    """What a scripted model says: `reply`, or made-up words; at `tokens_per_second` per sequence, or at once.

    With `tells_time` each word is the worker's monotonic clock, in seconds, up to max_tokens.
    A prompt with `hang_on` in it hangs the engine, as a broken device would. With `dimensions` the model says
    nothing: it embeds, and its made-up vectors have so many numbers.
    """

    reply: str | None = None
    tokens_per_second: float | None = None
    tells_time: bool = False
    hang_on: str | None = None
    dimensions: int | None = None


@dataclass(frozen=True, kw_only=True)
class Upstream:
    """A model that another server runs: `model` is its name there, `url` ends where `/chat/completions` begins.

    `api_key_env` names the environment variable with the key; the key itself never stands in the file. From
    sending a request to its first token at most `first_token_timeout_seconds` pass, and nothing may be silent
    for longer than `read_timeout_seconds` after that. `deterministic`: the server gives the same text again for the
    same request with temperature 0, and with the same seed.
    """

    url: str
    model: str
    api_key_env: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    connect_timeout_seconds: float = 5.0
    first_token_timeout_seconds: float = 120.0
    read_timeout_seconds: float = 60.0
    deterministic: bool = False


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """One model; `file` is where this was read.

    Exactly one of `path` and `hub` is set for a torch model and for an encoder, `upstream` for an upstream one.
    `reserved_interactive_slots` of all live slots are entered by interactive jobs alone.
    """

    name: str
    file: Path
    engine: EngineKind = "torch"
    path: Path | None = None
    hub: str | None = None
    revision: str | None = None
    dtype: str = "auto"
    device_map: str = "auto"
    slots: int | None = None
    reserved_interactive_slots: int = 0
    context_tokens: int | None = None
    prefill_chunk: int = 256
    threads: int | None = None
    limits: ModelLimits = field(default_factory=ModelLimits)
    script: Script = field(default_factory=Script)
    upstream: Upstream | None = None

    @property
    def embeds(self) -> bool:
        """Whether it makes vectors of texts, and those alone; any other model makes texts."""
        return self.engine == "encoder" or self.script.dimensions is not None

    @property
    def is_deterministic(self) -> bool:
        """Whether it gives the same result again for the same request, with the same seed or at temperature 0."""
        return self.upstream.deterministic if self.upstream is not None else not self.script.tells_time

    def upstream_key(self, env: Mapping[str, str]) -> str | None:
        """The key for the server that runs the model, or None if it needs none.

        Raises CatalogError, which does not show it, if the variable in *env* is not set or holds no key.
        """
        if self.upstream is None or self.upstream.api_key_env is None:
            return None
        variable = self.upstream.api_key_env
        key = env.get(variable, "")
        if key and all(33 <= ord(character) <= 126 for character in key):  # noqa: PLR2004 - visible ASCII
            return key
        what = "holds spaces, line breaks or other characters that no key has" if key else "is not set"
        field_name = f"models.{self.name}.upstream.api_key_env"
        raise CatalogError(f"{variable}: {what}; {self.file}: {field_name} says that the key is there")


@dataclass(frozen=True)
class Catalog:
    """Every model by name in the order of the file, and other names for them."""

    models: Mapping[str, ModelConfig]
    aliases: Mapping[str, str]

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a YAML file; `path` entries in it are relative to its folder. Raises CatalogError."""
        file = Path(path).expanduser().absolute()
        try:
            document = CatalogSchema().load(_read_mapping(file))
        except ValidationError as error:
            lines = [f"{file}: {where}: {what}" for where, what in _flatten(error.messages)]
            raise CatalogError("\n".join(lines)) from error
        models = {name: _model(name, file, entry) for name, entry in document["models"].items()}
        return cls(models=MappingProxyType(models), aliases=MappingProxyType(document["aliases"]))

    @property
    def default(self) -> ModelConfig:
        """The first model of the file."""
        return next(iter(self.models.values()))

    def resolve(self, name: str) -> ModelConfig | None:
        """The model called *name*, directly or by an alias."""
        return self.models.get(self.aliases.get(name, name))


def config_file(env: Mapping[str, str]) -> Path:
    """The configuration that TRUTHGPT_CONFIG names, else the one that comes with the checkout."""
    return Path(env.get(CONFIG_VARIABLE) or SHIPPED_CONFIG).expanduser().absolute()


def _model(name: str, file: Path, entry: dict[str, Any]) -> ModelConfig:
    limits, script, path = entry.pop("limits", {}), entry.pop("script", {}), entry.pop("path", None)
    upstream = entry.pop("upstream", None)
    return ModelConfig(
        name=name,
        file=file,
        path=None if path is None else (file.parent / Path(path).expanduser()).resolve(),
        limits=ModelLimits(**limits),
        script=Script(**script),
        upstream=None if upstream is None else Upstream(**upstream),
        **entry,
    )


def _read_mapping(file: Path) -> dict[str, Any]:
    try:
        document = yaml.load(file.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)  # noqa: S506 - a SafeLoader
    except (OSError, UnicodeDecodeError) as error:
        message = f"{file}: cannot be read: {error}; give the path of a model configuration in YAML"
        raise CatalogError(message) from error
    except yaml.YAMLError as error:
        message = f"{file}: is not valid YAML: {error}"
        raise CatalogError(message) from error
    if not isinstance(document, dict):
        message = f"{file}: must be a mapping with `models` and, if you like, `aliases`"
        raise CatalogError(message)
    return document


class _UniqueKeyLoader(yaml.SafeLoader):
    """Refuses a key that stands twice in one mapping, where YAML would let the last one win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - the base class's signature
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"`{key}` stands twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def _flatten(messages: object, where: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(messages, dict):
        for key, inner in messages.items():
            part = "" if key in {"_schema", "value"} else str(key)
            yield from _flatten(inner, ".".join(filter(None, (where, part))))
    elif isinstance(messages, list):
        for message in messages:
            yield from _flatten(message, where)
    else:
        yield where or "document", str(messages)
