"""A browser, as far as the server can tell: it keeps cookies, sends forms, and names the page that sends them."""

from __future__ import annotations

import re
from typing import Any

from flask.testing import FlaskClient

from api.process import ApiProcess
from tests.api.conftest import TOKEN

OWN = "http://localhost"
COOKIE = "frontier-80"


class Visitor:
    def __init__(self, process: ApiProcess) -> None:
        self.client: FlaskClient = process.test_client()

    def log_in(self, key: str = TOKEN, **form: str) -> Any:
        return self.send("/login", key=key, **form)

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(path, headers=_named(headers))

    def send(self, path: str, *, origin: str | None = OWN, site: str | None = None, **form: str) -> Any:
        """A form of the page; the browser adds where it comes from."""
        added = {"Origin": origin, "Sec-Fetch-Site": site}
        return self.client.post(path, data=form, headers={name: value for name, value in added.items() if value})

    def press(self, path: str, **form: str) -> Any:
        """A button of a page of this session."""
        return self.send(path, csrf=self.token, **form)

    def call(self, path: str, method: str = "GET", body: Any = None, **headers: str) -> Any:
        """What a script of the page asks of the API."""
        named = {"X-CSRF-Token": self.token, **_named(headers)}
        return self.client.open(path, method=method, json=body, headers=named)

    @property
    def token(self) -> str:
        """That of the session's pages."""
        found = re.search(r'name="csrf-token" content="([0-9a-f]{64})"', self.get("/").text)
        assert found is not None
        return found[1]

    @property
    def cookie(self) -> str | None:
        found = self.client.get_cookie(COOKIE)
        return found.value if found else None

    @cookie.setter
    def cookie(self, text: str) -> None:
        self.client.set_cookie(COOKIE, text)


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
