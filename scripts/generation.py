"""The options that say how to generate, shared by every command that submits jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from jobs.job import Priority
from scripts.arguments import choice, each_given, given, path


def _checked_url(url: str | None) -> str | None:
    if url is None:
        return None
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        is_usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise typer.BadParameter(f"{url!r} is no address such as http://127.0.0.1:8080")
    return url


def _number(low: float, high: float, *, above: bool = False) -> Callable[[float | None], float | None]:
    """Lets a number in *low* to *high* pass; with *above* the lower end itself does not count."""

    def check(value: float | None) -> float | None:
        if value is not None and (not low <= value <= high or (above and value == low)):
            span = f"above {low:g} and at most {high:g}" if above else f"from {low:g} to {high:g}"
            raise typer.BadParameter(f"{value:g} is not a number {span}")
        return value

    return check


class CacheUse(StrEnum):
    """Whether a kept result may be taken; the values are those on the wire."""

    USE = "use"
    BYPASS = "bypass"
    REFRESH = "refresh"


UrlOption = Annotated[
    str | None, typer.Option("--url", envvar="FRONTIER_URL", help="Address of the API.", callback=_checked_url)
]
DataDirOption = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        metavar="PATH",
        parser=path,
        help="Data folder of `frontier up`, where address and token are kept.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]

ModelOption = Annotated[
    str | None, typer.Option("--model", "-m", help="Model or alias; else the default model.", callback=given)
]
MaxTokensOption = Annotated[
    int | None, typer.Option("--max-tokens", help="Longest completion, in tokens.", min=1, max=1_000_000)
]
TemperatureOption = Annotated[
    float | None,
    typer.Option("--temperature", help="0 always takes the likeliest token; at most 2.", callback=_number(0, 2)),
]
TopPOption = Annotated[
    float | None,
    typer.Option(
        "--top-p", help="Sample from the likeliest tokens up to this mass.", callback=_number(0, 1, above=True)
    ),
]
TopKOption = Annotated[
    int | None, typer.Option("--top-k", help="Sample from this many tokens; 0 for all.", min=0, max=1_000_000)
]
SeedOption = Annotated[int | None, typer.Option("--seed", help="Makes sampling repeatable.", min=0, max=2**53)]
StopOption = Annotated[
    list[str] | None, typer.Option("--stop", help="End before this text; may be repeated.", callback=each_given)
]
ChatOption = Annotated[
    bool, typer.Option("--chat/--completion", help="Send the prompt as a user's message, or as text to go on from.")
]
MetadataOption = Annotated[list[str] | None, typer.Option("--metadata", metavar="KEY=VALUE", help="May be repeated.")]
PriorityOption = Annotated[
    Priority | None, choice("--priority", Priority, "While jobs of all three wait, they are served as 16 : 4 : 1.")
]
CacheOption = Annotated[
    CacheUse | None,
    choice(
        "--cache",
        CacheUse,
        "use: take the result that is kept of the same request, if there is one; refresh: make it anew and keep "
        "that; bypass: take and keep none. By default use.",
    ),
]
RunLimitOption = Annotated[
    float | None,
    typer.Option("--timeout", help="Longest a job may run, in seconds.", callback=_number(0, 86_400, above=True)),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """What was asked for, apart from the prompt; None leaves the choice to the API."""

    chat: bool
    model: str | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    priority: Priority | None = None
    run_limit_seconds: float | None = None
    cache: CacheUse | None = None

    def body(self, prompt: str, metadata: dict[str, str] | None = None) -> dict[str, Any]:
        """The submission of *prompt* for `POST /v1/jobs`."""
        params = {
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "top_k": self.top_k,
            "seed": self.seed,
            "stop": list(self.stop) or None,
        }
        body: dict[str, Any] = {
            "type": "chat.completion" if self.chat else "completion",
            "input": {"messages": [{"role": "user", "content": prompt}]} if self.chat else {"prompt": prompt},
            "model": self.model,
            "params": {name: value for name, value in params.items() if value is not None} or None,
            "priority": self.priority,
            "cache": self.cache,
            "timeout_s": self.run_limit_seconds,
            "metadata": metadata or None,
        }
        return {name: value for name, value in body.items() if value is not None}

    def complaint(self, models: Mapping[str, int | None]) -> str | None:
        """Why no prompt can be submitted, or None; *models* are what `FrontierClient.models` tells."""
        name = self.model if self.model is not None else next(iter(models), None)
        if self.model is not None and self.model not in models:
            return f"there is no model {self.model!r}; there is {', '.join(models) or 'none'}"
        limit = models.get(name) if name is not None else None
        if limit is not None and self.max_tokens is not None and self.max_tokens > limit:
            return f"--max-tokens is {self.max_tokens}; {name} generates at most {limit} tokens"
        return None

    def settings(self) -> dict[str, Any]:
        """What was asked for that shapes the results, by the names of the options."""
        settings = asdict(self)
        for name in ("priority", "cache"):
            del settings[name]
        return {"timeout": settings.pop("run_limit_seconds"), **settings}


def infer_form(body: Mapping[str, Any]) -> dict[str, Any]:
    """The submission of a prompt for `POST /v1/infer`."""
    settings = {name: body[name] for name in ("model", "params", "priority", "cache") if name in body}
    return {"prompt": body["input"]["prompt"], **settings}


def metadata_pairs(pairs: list[str] | None) -> dict[str, str]:
    """`["a=1"]` as `{"a": "1"}`."""
    parsed: dict[str, str] = {}
    for pair in pairs or ():
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise typer.BadParameter(f"{pair!r} is not of the form KEY=VALUE", param_hint="--metadata")
        if key in parsed:
            raise typer.BadParameter(f"{key!r} is given twice", param_hint="--metadata")
        parsed[key] = value
    return parsed


def read_prompt(argument: str) -> str:
    """The prompt itself, or for `-` what stands on stdin, less the newline that ends it."""
    try:
        prompt = typer.get_text_stream("stdin").read().removesuffix("\n") if argument == "-" else argument
    except UnicodeDecodeError as error:
        raise typer.BadParameter("what stands on stdin is not UTF-8", param_hint="PROMPT") from error
    if not prompt:
        raise typer.BadParameter("the prompt is empty", param_hint="PROMPT")
    return prompt
