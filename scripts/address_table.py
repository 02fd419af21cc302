"""The table that `frontier up` shows: where everything is."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from rich.table import Table
from rich.text import Text

from scripts.paths import token_file
from scripts.programs import Deployment


def address_table(deployment: Deployment, *, token_origin: str | None, started_redis: bool) -> Table:
    """Addresses and files; *token_origin* is named instead of the token file if the token is not from there."""
    redis = without_password(deployment.redis_url)
    rows = {
        "API": f"{deployment.url}/v1",
        "docs": f"{deployment.url}/docs",
        "health": f"{deployment.url}/health",
        "Redis": redis if started_redis else f"{redis} (from REDIS_URL)",
        "token": token_origin or str(token_file(deployment.data_dir)),
        "data": str(deployment.data_dir),
        "logs": str(deployment.data_dir / "logs"),
        "configuration": str(deployment.config),
        **{f"model {name}": "loading" for name in deployment.models},
    }
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows.items():
        table.add_row(Text(name), Text(value))
    return table


def without_password(url: str) -> str:
    """*url* fit to be shown."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    address = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username or ''}:***@{address}"))
