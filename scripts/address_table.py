"""The table that `frontier up` shows: where everything is."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from rich.table import Table
from rich.text import Text

from resilience.egress.settings import ALLOW_CIDRS, ALLOW_HTTP, egress_rules_from_env
from scripts import flower_page
from scripts.paths import flower_password_file, token_file
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
        **_flower(deployment),
        **_openness(deployment),
        **{f"model {name}": "loading" for name in deployment.models},
    }
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows.items():
        table.add_row(Text(name), Text(value))
    return table


def _flower(deployment: Deployment) -> dict[str, str]:
    if deployment.flower is None:
        return {}
    who = f"as {flower_page.USER}, with what stands in {flower_password_file(deployment.data_dir)}"
    return {"Flower": f"{deployment.flower.url} ({who})"}


def _openness(deployment: Deployment) -> dict[str, str]:
    """What of the guard for webhooks was opened, if anything was; nobody should leave it so by accident."""
    if not egress_rules_from_env(deployment.environment).is_open:
        return {}
    given = [f"{name}={value}" for name in (ALLOW_HTTP, ALLOW_CIDRS) if (value := deployment.environment.get(name))]
    return {"webhooks": f"open for development: {', '.join(given)}"}


def without_password(url: str) -> str:
    """*url* fit to be shown."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    address = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username or ''}:***@{address}"))
