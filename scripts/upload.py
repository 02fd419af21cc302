"""A file on its way to the API as a form, read as it is sent and never held whole."""

from __future__ import annotations

import io
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

BLOCK_BYTES = 256 * 1024


class Upload:
    """A form with a file, which lies at a path or is given as it is, and its purpose; it can be sent more than once."""

    def __init__(self, content: Path | bytes, *, name: str, purpose: str = "batch") -> None:
        self._content = content
        boundary = uuid.uuid4().hex
        field = f'--{boundary}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\n{purpose}\r\n'
        file = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{_quoted(name)}"\r\n'
        self._head = f"{field}{file}Content-Type: application/jsonl\r\n\r\n".encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self.headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}

    def __len__(self) -> int:
        length = len(self._content) if isinstance(self._content, bytes) else self._content.stat().st_size
        return len(self._head) + length + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        with self._opened() as file:
            while block := file.read(BLOCK_BYTES):
                yield block
        yield self._tail

    def _opened(self) -> BinaryIO:
        return io.BytesIO(self._content) if isinstance(self._content, bytes) else self._content.open("rb")


def _quoted(name: str) -> str:
    """As browsers write it, so that no name ends the field."""
    name = os.path.basename(name)  # noqa: PTH119 - no file, just its name
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
