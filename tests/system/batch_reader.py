"""Reads the output of a batch as it grows, whatever happens to the API meanwhile."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import requests

from tests.system.batch_site import BatchSite
from tests.system.fleet import TOKEN
from tests.system.worker_process import wait_for

AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}
PATIENCE_SECONDS = 900.0
"""How long a batch of thousands of lines may take; only a broken system needs it, or a machine with much else to do."""

TOLD_TO_COME_AGAIN = 503
FINAL = frozenset({"completed", "failed", "expired", "cancelled"})


class BatchReader:
    """`lines` are those that it has read whole, `status` is what the batch was called at the last answer."""

    def __init__(self, site: BatchSite, batch_id: str) -> None:
        self._url = f"{site.url}/v1/batches/{batch_id}/output"
        self._tell = site.words
        self.lines: list[bytes] = []
        self.status = ""

    def read_on(self) -> None:
        """Ask once for what is new; an answer that breaks off counts for its whole lines."""
        asked = {"after": len(self.lines)}
        with (
            suppress(requests.RequestException),
            requests.get(self._url, params=asked, headers=AUTHORIZED, stream=True, timeout=60) as answer,
        ):
            if answer.status_code == TOLD_TO_COME_AGAIN:
                return
            assert answer.status_code == 200, answer.text
            rest = b""
            for piece in answer.iter_content(None):
                *whole, rest = (rest + piece).split(b"\n")
                self.lines += whole
            assert rest == b""
            assert answer.headers["Next-After"] == str(len(self.lines))
            self.status = answer.headers["Batch-Status"]

    def has(self, count: int) -> bool:
        self.read_on()
        return len(self.lines) >= count

    def until(self, count: int) -> None:
        """Until it has so many lines, or the batch has ended."""
        wait_for(lambda: self.has(count) or self.status in FINAL, PATIENCE_SECONDS, tell=self._tell)

    def until_the_end(self) -> str:
        """The status of the batch that has ended, with all of its lines read."""
        wait_for(self._is_at_the_end, PATIENCE_SECONDS, tell=self._tell)
        return self.status

    def answers(self) -> list[Mapping[str, Any]]:
        return [json.loads(line) for line in self.lines]

    def custom_ids(self) -> Counter[str]:
        """How often each was read."""
        return Counter(answer["custom_id"] for answer in self.answers())

    def _is_at_the_end(self) -> bool:
        self.read_on()
        return self.status in FINAL
