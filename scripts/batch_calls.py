"""Files and batches over the API: what `frontier batches` and `frontier bulk --batch` call."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import requests

from scripts.api_errors import ApiProblem, ApiUnreachable, json_object
from scripts.batch_view import BatchView
from scripts.transport import Call, Transport
from scripts.upload import Upload

PATH = "/v1/batches"
PAGE = 100
SILENCE_SECONDS = 60.0
UPLOAD_SECONDS = 600.0
WAIT_SECONDS = 30

Kind = Literal["output", "errors"]


class BatchCalls:
    """A call is repeated while the API is away, as long as patience lasts; a cut download goes on where it was cut."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def upload(self, path: Path, *, name: str) -> str:
        """The id of a file for batches with what stands at *path*."""
        call = Call(method="POST", path="/v1/files", upload=Upload(path, name=name), wait_seconds=UPLOAD_SECONDS)
        return str(self._json(call, "id")["id"])

    def make(
        self, file_id: str, *, endpoint: str, window: str, metadata: Mapping[str, str], idempotency_key: str
    ) -> BatchView:
        """The batch of that file: the same for the same key."""
        body = {
            "input_file_id": file_id,
            "endpoint": endpoint,
            "completion_window": window,
            "metadata": dict(metadata),
        }
        headers = {"Idempotency-Key": idempotency_key}
        return self._batch(Call(method="POST", path=PATH, json=body, headers=headers))

    def find(self, batch_id: str) -> BatchView:
        return self._batch(Call(method="GET", path=_of(batch_id)))

    def changed(self, batch: BatchView, *, seconds: int) -> BatchView:
        """The batch as soon as anything of it is not as in *batch*, or after *seconds*."""
        headers = {"Prefer": f"wait={seconds}", "If-None-Match": batch.tag}
        began = self._transport.clock()
        response = self._transport.send(
            Call(method="GET", path=_of(batch.id), headers=headers, wait_seconds=float(seconds))
        )
        if response.status_code != HTTPStatus.NOT_MODIFIED:
            return self._view(response)
        self._transport.rest(began)
        return batch

    def cancel(self, batch_id: str) -> BatchView:
        """The batch after the request; one that has ended stays as it is."""
        return self._batch(Call(method="POST", path=f"{_of(batch_id)}/cancel"))

    def listed(self, limit: int | None, *, metadata: Mapping[str, str] | None = None) -> Iterator[BatchView]:
        """Up to *limit* batches with all of the *metadata*, newest first."""
        left = math.inf if limit is None else limit
        query = {f"metadata.{key}": value for key, value in (metadata or {}).items()}
        while left > 0:
            call = Call(method="GET", path=PATH, query=query | {"limit": str(int(min(left, PAGE)))})
            page = self._json(call, "data", "has_more")
            yield from map(BatchView, page["data"])
            left -= len(page["data"])
            if not page["has_more"]:
                return
            query["after"] = str(page["last_id"])

    def followed_lines(self, batch_id: str, kind: Kind) -> Iterator[bytes]:
        """All lines, as they are told, until the batch has ended."""
        after, has_ended = 0, False
        while not has_ended:
            has_ended = self.find(batch_id).is_final
            began, before = self._transport.clock(), after
            for line in self.lines(batch_id, kind, after=after, wait_seconds=0 if has_ended else WAIT_SECONDS):
                yield line
                after += 1
            if after == before and not has_ended:
                self._transport.rest(began)

    def lines(self, batch_id: str, kind: Kind, *, after: int = 0, wait_seconds: int = 0) -> Iterator[bytes]:
        """Whole lines of what is told, behind the first *after*; if there are none, of what is in *wait_seconds*."""
        headers = {"Prefer": f"wait={wait_seconds}"} if wait_seconds else None
        return self._whole_lines(
            lambda read: Call(
                method="GET",
                path=f"{_of(batch_id)}/output",
                query={"kind": kind, "after": str(after + read)},
                headers=headers,
                silence=SILENCE_SECONDS,
            )
        )

    def input_lines(self, file_id: str) -> Iterator[bytes]:
        """The lines of a file."""
        call = Call(method="GET", path=f"/v1/files/{quote(file_id, safe='')}/content", silence=SILENCE_SECONDS)
        return self._whole_lines(lambda _: call, skips=True)

    def _whole_lines(self, ask: Any, *, skips: bool = False) -> Iterator[bytes]:
        """Asks again for what is behind the last whole line when the connection breaks; with *skips* for all of it."""
        read, failures, began = 0, 0, self._transport.clock()
        while True:
            response = self._transport.send(ask(read))
            rest, unwanted = b"", read if skips else 0
            try:
                with response:
                    for piece in self._transport.pieces(response):
                        *lines, rest = (rest + piece).split(b"\n")
                        for line in lines:
                            if unwanted:
                                unwanted -= 1
                                continue
                            yield line + b"\n"
                            read, failures, began = read + 1, 0, self._transport.clock()
            except ApiUnreachable as unreachable:
                failures += 1
                self._transport.back_off(failures, since=began, error=unreachable)
                continue
            if rest:
                yield rest
            return

    def _batch(self, call: Call) -> BatchView:
        return self._view(self._transport.send(call))

    def _view(self, response: requests.Response) -> BatchView:
        return BatchView(self._told(response, "id", "status"), response.headers.get("ETag", ""))

    def _json(self, call: Call, *members: str) -> dict[str, Any]:
        return self._told(self._transport.send(call), *members)

    def _told(self, response: requests.Response, *members: str) -> dict[str, Any]:
        body = json_object(response)
        if any(member not in body for member in members):
            raise ApiProblem.of_stranger(self._transport.url, response)
        return body


def _of(batch_id: str) -> str:
    return f"{PATH}/{quote(batch_id, safe='')}"
