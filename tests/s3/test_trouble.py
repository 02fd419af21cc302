from __future__ import annotations

from collections.abc import Mapping

import pytest

from storage.errors import FileGone, StorageTrouble
from storage.storage import Storage

pytestmark = pytest.mark.s3


def test_a_bucket_that_is_none_is_trouble_for_who_writes_and_has_nothing(s3_environment: Mapping[str, str]) -> None:
    del s3_environment
    storage = Storage.at("s3://no-such-bucket/files")

    with pytest.raises(StorageTrouble), storage.create("a/b") as writer:
        writer.write(b"x")
    with pytest.raises(FileGone):
        storage.size("a/b")


def test_a_server_that_does_not_answer_is_trouble(
    s3_environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    del s3_environment
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

    with pytest.raises(StorageTrouble):
        Storage.at("s3://kept/files").size("a/b")
