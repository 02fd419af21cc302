"""`frontier keys`: lets clients in, and shuts them out."""

from __future__ import annotations

import json
import os
import re
from typing import Annotated, Any

import typer

from scripts.address import find_address
from scripts.arguments import KeyId, given
from scripts.client import FrontierClient
from scripts.generation import DataDirOption, JsonOption, UrlOption
from scripts.job_table import folded, to_the_second, word
from scripts.key_limits_option import USUAL, KeyLimitsOption, limits_after, shown_limits
from scripts.screen import note, one_line_errors, print_result, stdout

app = typer.Typer(help="Make, list, limit, rotate and revoke API keys.", no_args_is_help=True)

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION = re.compile(r"([0-9]{1,9})([smhd]?)")


def _seconds(text: str | None) -> str | None:
    if text is not None and not _DURATION.fullmatch(text):
        raise typer.BadParameter(f"{text!r} is no duration such as 90d, 12h, 30m or 45s")
    return text


Overlap = Annotated[
    str,
    typer.Option(
        "--overlap",
        metavar="TIME",
        help="How long the old key stays good, such as 1h; 0 ends it at once.",
        callback=_seconds,
    ),
]


@app.command()
def create(
    *,
    tenant: Annotated[
        str, typer.Option("--tenant", help="Whose key it is; a new name makes a new tenant.", callback=given)
    ],
    scopes: Annotated[
        str,
        typer.Option(
            "--scopes",
            metavar="NAMES",
            help="What it may do, with commas between: jobs:write, jobs:read, webhooks:manage, admin.",
            callback=given,
        ),
    ],
    name: Annotated[str, typer.Option("--name", help="What it is for; only people read it.")] = "",
    expires_in: Annotated[
        str | None,
        typer.Option(
            "--expires-in",
            metavar="TIME",
            help="When it ends by itself, such as 90d, 12h or 30m; else never.",
            callback=_seconds,
        ),
    ] = None,
    limits: KeyLimitsOption = USUAL,
    as_json: JsonOption = False,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Make a key and print it: it is shown this once."""
    address = find_address(url, data_dir, os.environ)
    wanted = [scope.strip() for scope in scopes.split(",")]
    with one_line_errors(address), FrontierClient(address.url, address.token) as client:
        made = client.keys.make(
            tenant,
            wanted,
            name=name,
            seconds=_in_seconds(expires_in) if expires_in else None,
            limits=limits_after(limits),
        )
    _show(made, as_json=as_json)


@app.command("list")
def list_keys(
    *,
    tenant: Annotated[str | None, typer.Option("--tenant", help="Only keys of this tenant.", callback=given)] = None,
    with_ended: Annotated[bool, typer.Option("--all", help="Also those that ended in the last 30 days.")] = False,
    as_json: JsonOption = False,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """List the keys that are live, newest first; with --json one per line."""
    address = find_address(url, data_dir, os.environ)
    with one_line_errors(address), FrontierClient(address.url, address.token) as client:
        keys = [key for key in client.keys.listed(tenant) if with_ended or key.get("status") == "live"]
    if as_json:
        for key in keys:
            typer.echo(json.dumps(key, ensure_ascii=False))
        return
    columns = {
        "id": [word(key["id"]) for key in keys],
        "tenant": [word(key.get("tenant")) for key in keys],
        "status": [word(key.get("status")) for key in keys],
        "last used": [to_the_second(word(key.get("last_used_at"))) for key in keys],
        "expires": [to_the_second(word(key.get("expires_at"))) for key in keys],
    }
    print_result(folded(columns, [_remark(key) for key in keys], room=stdout().width) if keys else "no keys")


@app.command()
def update(
    key_id: KeyId,
    *,
    limits: KeyLimitsOption,
    as_json: JsonOption = False,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Change how often a key may ask; within five seconds every process goes by it."""
    address = find_address(url, data_dir, os.environ)
    with one_line_errors(address), FrontierClient(address.url, address.token) as client:
        before = client.keys.find(key_id).get("limits")
        changed = client.keys.limit(key_id, limits_after(limits, before))
    if as_json:
        typer.echo(json.dumps(changed, ensure_ascii=False))
        return
    typer.echo(f"{word(changed['id'])} {shown_limits(changed.get('limits')) or USUAL}")


@app.command()
def rotate(
    key_id: KeyId,
    *,
    overlap: Overlap = "24h",
    as_json: JsonOption = False,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Make a successor of a key and print it: it is shown this once; the old one stays good for --overlap."""
    address = find_address(url, data_dir, os.environ)
    with one_line_errors(address), FrontierClient(address.url, address.token) as client:
        made = client.keys.rotate(key_id, overlap_seconds=_in_seconds(overlap))
    _show(made, as_json=as_json)


@app.command()
def revoke(
    key_id: KeyId, *, as_json: JsonOption = False, url: UrlOption = None, data_dir: DataDirOption = None
) -> None:
    """End a key now; within five seconds nothing takes it any more."""
    address = find_address(url, data_dir, os.environ)
    with one_line_errors(address), FrontierClient(address.url, address.token) as client:
        ended = client.keys.revoke(key_id)
    typer.echo(json.dumps(ended, ensure_ascii=False) if as_json else f"{word(ended['id'])} {word(ended['status'])}")


def _show(made: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(made, ensure_ascii=False))
        return
    typer.echo(word(made["key"]))
    note(f"{made['id']} of {made.get('tenant')}; keep the key now, it is not shown again")


def _remark(key: dict[str, Any]) -> str:
    parts = [", ".join(map(word, key.get("scopes", [])))]
    if key.get("name"):
        parts.append(word(key["name"]))
    if limits := shown_limits(key.get("limits")):
        parts.append(f"limits {limits}")
    if key.get("rotated_to"):
        parts.append(f"rotated to {word(key['rotated_to'])}")
    return "; ".join(parts)


def _in_seconds(duration: str) -> int:
    found = _DURATION.fullmatch(duration)
    return int(found[1]) * _UNITS[found[2] or "s"] if found else 0
