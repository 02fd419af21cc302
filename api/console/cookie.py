"""The cookie that names a browser's session: no script reads it, and no other site has it sent."""

from __future__ import annotations

from flask import Request
from werkzeug.wrappers import Response


def session_text(request: Request) -> str | None:
    """What the browser shows, if it shows anything."""
    return request.cookies.get(_name(request))


def hand_out(request: Request, response: Response, text: str) -> None:
    """Have the browser show it from now on, until it is closed."""
    response.set_cookie(
        _name(request), text, path="/", httponly=True, secure=request.is_secure, samesite="Strict", max_age=None
    )


def take_back(request: Request, response: Response) -> None:
    response.delete_cookie(_name(request), path="/", httponly=True, secure=request.is_secure, samesite="Strict")


def _name(request: Request) -> str:
    """Browsers take `__Host-` from the host itself alone, over https. Ports of one host share their cookies."""
    return "__Host-frontier" if request.is_secure else f"frontier-{request.environ.get('SERVER_PORT', '')}"
