"""One pooled connection to the API: asks, waits, tries again, and tells refusal from silence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from scripts.api_errors import ApiProblem, ApiUnreachable, json_object
from scripts.patience import Patience, retry_after_seconds
from scripts.upload import Upload

CONNECT_SECONDS = 3.0
ANSWER_MARGIN_SECONDS = 15.0
EARLY_SECONDS = 0.5
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
TRY_AGAIN = frozenset({429, 502, 503, 504})
LOST = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request; it must be safe to repeat, for it is repeated when the answer is lost.

    An `upload` is sent in the place of JSON.
    With *silence* the answer is a stream, in which nothing may come for so many seconds.
    """

    method: str
    path: str
    json: dict[str, Any] | None = None
    upload: Upload | None = None
    query: dict[str, str] | None = None
    headers: dict[str, str] | None = None
    wait_seconds: float = 0.0
    silence: float | None = None


class Transport:
    """Sends calls to the API at *url*; usable from as many threads as it has *connections*."""

    def __init__(
        self,
        url: str,
        token: str | None,
        *,
        connections: int,
        patience: Patience,
        pause: Callable[[float], None],
        clock: Callable[[], float],
        random: Random,
    ) -> None:
        self.url = url.rstrip("/")
        self._patience = patience
        self._pause = pause
        self.clock = clock
        self._random = random
        self._answered = False
        self.answers = 0
        self.trouble: str | None = None
        self._session = _session(self.url, token, connections)

    def send(self, call: Call) -> requests.Response:
        """The answer to *call*, after as many tries as patience allows; raises ApiProblem or ApiUnreachable."""
        began = self.clock()
        failures = 0
        while True:
            retry_after = 0.0
            error: ApiProblem | ApiUnreachable
            try:
                response = self.send_once(call)
            except ApiUnreachable as unreachable:
                error = unreachable
            else:
                self._answered = True
                asks_again = _asks_to_try_again(response)
                if not asks_again:
                    self.answers += 1
                    self.trouble = None
                if response.ok:
                    return response
                error = ApiProblem.from_response(response)
                if not asks_again:
                    raise error
                retry_after = retry_after_seconds(response.headers.get("Retry-After"))
            failures += 1
            self.back_off(failures, since=began, error=error, retry_after=retry_after)

    def back_off(
        self, failures: int, *, since: float, error: ApiProblem | ApiUnreachable, retry_after: float = 0.0
    ) -> None:
        """Pause after that many *failures* in a row; raises *error* if patience with what began *since* is over."""
        delay = self._patience.delay(failures, retry_after=retry_after, random=self._random)
        if self.clock() - since + delay > self._limit():
            raise error
        self.trouble = error.reason if isinstance(error, ApiUnreachable) else str(error)
        self._pause(delay)

    def rest(self, began: float) -> None:
        """After a wait that *began* then and was answered early: pause, so that to ask again at once is no spinning."""
        if self.clock() - began < EARLY_SECONDS:
            self._pause(EARLY_SECONDS)

    def send_once(self, call: Call) -> requests.Response:
        """Whatever is answered to *call*, at the first try; raises ApiUnreachable if nothing is."""
        try:
            return self._session.request(
                call.method,
                self.url + call.path,
                json=call.json,
                data=call.upload,
                params=call.query,
                headers={**(call.upload.headers if call.upload else {}), **(call.headers or {})},
                timeout=(CONNECT_SECONDS, call.silence or call.wait_seconds + ANSWER_MARGIN_SECONDS),
                stream=call.silence is not None,
            )
        except LOST as error:
            raise ApiUnreachable(self.url, _reason(error)) from error
        except requests.RequestException as error:
            raise ApiUnreachable(self.url, str(error)) from error

    def pieces(self, response: requests.Response) -> Iterator[bytes]:
        """What comes of a stream, as it comes; raises ApiUnreachable when the connection breaks."""
        try:
            yield from response.iter_content(chunk_size=None)
        except LOST as error:
            raise ApiUnreachable(self.url, _reason(error)) from error

    def close(self) -> None:
        self._session.close()

    def _limit(self) -> float:
        return self._patience.seconds if self._answered else self._patience.first_answer_seconds


class _Bearer(AuthBase):
    """Unlike a plain header, this keeps requests from putting a password of ~/.netrc in its place."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _session(url: str, token: str | None, connections: int) -> requests.Session:
    session = requests.Session()
    adapter = HTTPAdapter(pool_connections=1, pool_maxsize=connections)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    session.auth = _Bearer(token) if token else None
    session.headers["Accept"] = "application/json"
    session.trust_env = urlsplit(url).hostname not in LOOPBACK  # no proxy can reach this machine's own loopback
    return session


def _asks_to_try_again(response: requests.Response) -> bool:
    return response.status_code in TRY_AGAIN and json_object(response).get("retryable") is not False


def _reason(error: Exception) -> str:
    if isinstance(error, requests.ConnectTimeout):
        return f"no connection within {CONNECT_SECONDS:.0f} s"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    words = str(error).lower()
    if "refused" in words:
        return "connection refused"
    if "resolve" in words or "name or service" in words:
        return "unknown host"
    return "the connection broke"
