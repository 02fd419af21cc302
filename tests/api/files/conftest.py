from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from api.files.disposal import Disposal
from api.process import ApiProcess
from jobs.files.store import FileStore
from storage.storage import Storage
from tests.api.conftest import Api
from tests.api.files.shelves import FILE, PURPOSE, Part, form, form_type

MOST_BYTES = 300_000


class Shelf:
    """The files of an API whose storage is a folder of the test."""

    def __init__(self, api: Api, folder: Path, client: Redis) -> None:
        self.api = api
        self.folder = folder
        self.store = FileStore(client)
        self.disposal = Disposal(store=self.store, storage=Storage.at(f"file://{folder}"), clock=lambda: 0.0)

    def of(self, tenant: str, *scopes: str) -> Shelf:
        other = Shelf.__new__(Shelf)
        other.__dict__ = self.__dict__ | {"api": self.api.of(tenant, *scopes)}
        return other

    def send(self, body: bytes, content_type: str | None = None, **options: Any) -> Any:
        return self.api.send("POST", "/v1/files", data=body, content_type=content_type or form_type(), **options)

    def post(self, *parts: Part) -> Any:
        return self.send(form(*parts))

    def put(self, value: bytes = FILE[2], filename: str = "lines.jsonl", *others: Part) -> Any:
        """The document of a file that was sent."""
        answer = self.post(("file", filename, value), PURPOSE, *others)
        assert answer.status_code == 200, answer.text
        return answer.json

    def content(self, file_id: str, **headers: str) -> Any:
        return self.api.get(f"/v1/files/{file_id}/content", **headers)

    def kept(self) -> list[Path]:
        """All that lies in the storage."""
        return [path for path in self.folder.rglob("*") if path.is_file()]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("storage")


@pytest.fixture(scope="session")
def process_with_files(make_process: Callable[..., ApiProcess], folder: Path) -> ApiProcess:
    return make_process({"FILES_URL": f"file://{folder}", "FILES_MAX_BYTES": str(MOST_BYTES)})


@pytest.fixture
def shelf(process_with_files: ApiProcess, folder: Path, redis_client: Redis) -> Shelf:
    shelf = Shelf(Api(process_with_files.test_client()), folder, redis_client)
    for path in shelf.kept():
        path.unlink()
    return shelf
