"""A file on its way to the API as a form, read as it is sent and never held whole."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

BLOCK_BYTES = 256 * 1024


class Upload:
    """A form with the file at *path* and its purpose, `batch`; it can be sent more than once."""

    def __init__(self, path: Path, *, name: str) -> None:
        self._path = path
        boundary = uuid.uuid4().hex
        field = f'--{boundary}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
        file = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{_quoted(name)}"\r\n'
        self._head = f"{field}{file}Content-Type: application/jsonl\r\n\r\n".encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self.headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}

    def __len__(self) -> int:
        return len(self._head) + self._path.stat().st_size + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        with self._path.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                yield block
        yield self._tail


def _quoted(name: str) -> str:
    """As browsers write it, so that no name ends the field."""
    name = os.path.basename(name)  # noqa: PTH119 - no file, just its name
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
