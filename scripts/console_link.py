"""The link that logs the user of `frontier up` in to the console, once."""

from __future__ import annotations

from contextlib import closing

from api.settings import ApiSettings
from jobs.access.sessions import SessionStore
from jobs.connection import connect
from jobs.errors import StorageFull, StoreUnavailable
from scripts.programs import Deployment


def console_link(deployment: Deployment) -> str | None:
    """A new one; None without a console, or where Redis takes nothing.

    Its code stands behind the `#`: browsers send that to no server, so no log and no other page is told of it.
    """
    settings = ApiSettings.from_env(deployment.api().environment).console
    if not settings.is_on:
        return None
    with closing(connect(deployment.redis_url, max_connections=1)) as client:
        sessions = SessionStore(
            client,
            operator_key=deployment.token,
            longest_seconds=settings.longest_seconds,
            idle_seconds=settings.idle_seconds,
        )
        try:
            return f"{deployment.url}/login#{sessions.invite()}"
        except (StorageFull, StoreUnavailable):
            return None
