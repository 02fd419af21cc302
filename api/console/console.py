"""Puts the console together."""

from __future__ import annotations

from flask import Flask

from api.console.assets import add_assets
from api.console.job_pages import add_job_pages
from api.console.login import Login, add_login
from api.console.pages import Pages
from api.console.prompts import add_prompts
from api.console.session_guard import add_session_guard
from api.console.standing import Standing
from api.console.status_pages import add_status_pages
from api.console.words import FILTERS
from api.model_gate import ModelGate
from api.requeues import Requeues
from api.submission import Submissions
from jobs.store import JobStore
from jobs.webhooks.log import DeliveryLog
from models.catalog import Catalog


def add_console(
    app: Flask,
    *,
    login: Login | None,
    submissions: Submissions,
    requeues: Requeues,
    store: JobStore,
    log: DeliveryLog,
    catalog: Catalog,
    gate: ModelGate,
    standing: Standing,
) -> None:
    """Serve the pages beside the API, where one can log in to them."""
    if login is None:
        return
    pages = Pages()
    add_session_guard(app, pages)
    add_assets(pages)
    add_login(pages, login)
    add_prompts(pages, submissions=submissions, store=store, catalog=catalog, gate=gate)
    add_job_pages(pages, store=store, requeues=requeues, log=log, gate=gate)
    add_status_pages(pages, standing)
    app.jinja_env.filters.update(FILTERS)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.register_blueprint(pages)
