"""Files and batches over the API: what `frontier batches` and `frontier bulk --batch` call."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from scripts.api_errors import ApiProblem, ApiUnreachable, json_object
from scripts.batch_view import BatchView
from scripts.transport import Call, Transport
from scripts.upload import Upload

PATH = "/v1/batches"
PAGE = 100
SILENCE_SECONDS = 60.0
UPLOAD_SECONDS = 600.0

Kind = Literal["output", "errors"]


class BatchCalls:
    """A call is repeated while the API is away, as long as patience lasts; a cut download goes on where it was cut."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def upload(self, path: Path, *, name: str) -> str:
        """The id of a file for batches with what stands at *path*."""
        form = Upload(path, name=name)
        call = Call(method="POST", path="/v1/files", upload=form, headers=form.headers, wait_seconds=UPLOAD_SECONDS)
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

    def cancel(self, batch_id: str) -> BatchView:
        """The batch after the request; one that has ended stays as it is."""
        return self._batch(Call(method="POST", path=f"{_of(batch_id)}/cancel"))

    def listed(self, limit: int | None) -> Iterator[BatchView]:
        """Up to *limit* batches, newest first."""
        left, query = math.inf if limit is None else limit, dict[str, str]()
        while left > 0:
            call = Call(method="GET", path=PATH, query=query | {"limit": str(int(min(left, PAGE)))})
            page = self._json(call, "data", "has_more")
            yield from map(BatchView, page["data"])
            left -= len(page["data"])
            if not page["has_more"]:
                return
            query["after"] = str(page["last_id"])

    def lines(self, batch_id: str, kind: Kind, *, after: int = 0) -> Iterator[bytes]:
        """Whole lines of what is told so far, behind the first *after*."""
        return self._whole_lines(
            lambda read: Call(
                method="GET",
                path=f"{_of(batch_id)}/output",
                query={"kind": kind, "after": str(after + read)},
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
        return BatchView(self._json(call, "id", "status"))

    def _json(self, call: Call, *members: str) -> dict[str, Any]:
        response = self._transport.send(call)
        body = json_object(response)
        if any(member not in body for member in members):
            raise ApiProblem.of_stranger(self._transport.url, response)
        return body


def _of(batch_id: str) -> str:
    return f"{PATH}/{quote(batch_id, safe='')}"
