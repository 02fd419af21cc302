"""The Celery app that Flower looks on through: `celery -A scripts.flower_app flower`."""

from __future__ import annotations

import os

import tornado.web
from flower.views import BaseHandler  # type: ignore[import-untyped]

from tasks.app import make_app


def _ask_for_the_password(handler: BaseHandler) -> None:
    """Flower itself lets everybody see its metrics, and with them who works and on what."""
    if not handler.get_current_user():
        raise tornado.web.HTTPError(401)


BaseHandler.prepare = _ask_for_the_password
app = make_app(os.environ["REDIS_URL"], events=True)
