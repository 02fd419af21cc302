"""`/v1/files`: sent, listed, fetched and deleted, by their own tenant alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from redis import Redis

from api.process import ApiProcess
from tests.api.conftest import Api
from tests.api.files.conftest import MOST_BYTES, Shelf
from tests.api.files.shelves import BOUNDARY, FILE, LINES, PURPOSE, Part, form

NO_FILE = "file-" + "0" * 22


def refused(answer: Any, status: int, param: str | None, words: str = "") -> None:
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/problem+json"
    assert answer.json["error"]["param"] == param, answer.text
    assert words in answer.json["error"]["message"]


def expiring(seconds: bytes, anchor: bytes = b"created_at") -> tuple[Part, Part]:
    return ("expires_after[anchor]", None, anchor), ("expires_after[seconds]", None, seconds)


def test_a_file_is_sent_and_fetched_as_it_was(shelf: Shelf) -> None:
    sent = shelf.put()

    assert sent == {
        "id": sent["id"],
        "object": "file",
        "bytes": len(LINES),
        "created_at": sent["created_at"],
        "expires_at": sent["created_at"] + 30 * 86_400,
        "filename": "lines.jsonl",
        "purpose": "batch",
        "status": "processed",
    }
    assert shelf.api.get(f"/v1/files/{sent['id']}").json == sent
    content = shelf.content(sent["id"])
    assert content.data == LINES
    assert content.headers["Content-Disposition"] == 'attachment; filename="lines.jsonl"'
    assert content.headers["Content-Type"] == "application/octet-stream"
    assert content.headers["X-Content-Type-Options"] == "nosniff"
    assert [path.name for path in shelf.kept()] == [sent["id"]]


@pytest.mark.parametrize("parts", [(FILE, PURPOSE), (PURPOSE, FILE), (*expiring(b"3600"), FILE, PURPOSE)])
def test_the_parts_of_a_form_stand_in_any_order(shelf: Shelf, parts: tuple[Part, ...]) -> None:
    assert shelf.post(*parts).json["bytes"] == len(LINES)


def test_a_file_without_bytes_is_one(shelf: Shelf) -> None:
    sent = shelf.put(b"")

    assert sent["bytes"] == 0
    assert shelf.content(sent["id"]).data == b""


def test_a_file_is_kept_for_as_long_as_its_sender_says(shelf: Shelf) -> None:
    sent = shelf.put(b"x", "a", *expiring(b"7200"))

    assert sent["expires_at"] == sent["created_at"] + 7200


@pytest.mark.parametrize(
    ("parts", "param", "words"),
    [
        ((FILE,), "purpose", "Missing data"),
        ((PURPOSE,), "file", "Missing data"),
        ((), "purpose", "Missing data"),
        ((FILE, ("purpose", None, b"fine-tune")), "purpose", "Must be batch"),
        ((("purpose", None, b"batch_output"), FILE), "purpose", "Must be batch"),
        ((FILE, PURPOSE, FILE), "file", "is given twice"),
        ((PURPOSE, PURPOSE, FILE), "purpose", "is given twice"),
        ((FILE, PURPOSE, ("colour", None, b"red")), "colour", "Unknown field"),
        ((FILE, PURPOSE, ("other", "b.jsonl", b"red")), "other", "Unknown field"),
        ((("file", None, b"value"), PURPOSE), "file", "must be a file with a name"),
        ((("file", "", b"value"), PURPOSE), "file", "must be a file with a name"),
        ((("file", "..", b"value"), PURPOSE), "file", "must be a file with a name"),
        ((("file", "a\x07b", b"value"), PURPOSE), "file", "control character"),
        ((("file", "a\u2028b", b"value"), PURPOSE), "file", "control character"),
        ((("file", "x" * 256, b"value"), PURPOSE), "file", "more than 255 characters"),
        ((FILE, PURPOSE, *expiring(b"3599")), "expires_after[seconds]", "3600"),
        ((FILE, PURPOSE, *expiring(b"2592001")), "expires_after[seconds]", "2592000"),
        ((FILE, PURPOSE, *expiring(b"soon")), "expires_after[seconds]", "3600"),
        ((FILE, PURPOSE, *expiring(b"3600", b"last_active_at")), "expires_after[anchor]", "Must be created_at"),
        ((FILE, PURPOSE, expiring(b"3600")[0]), "expires_after[seconds]", "Must be given too"),
        ((FILE, PURPOSE, expiring(b"3600")[1]), "expires_after[anchor]", "Must be given too"),
    ],
)
def test_what_is_wrong_with_a_form_is_named_and_nothing_of_it_is_kept(
    shelf: Shelf, redis_client: Redis, parts: tuple[Part, ...], param: str, words: str
) -> None:
    refused(shelf.post(*parts), 400, param, words)

    assert shelf.kept() == []
    assert redis_client.zcard("frontier:files_due") == 0
    assert shelf.api.get("/v1/files").json["data"] == []


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (form(FILE, PURPOSE)[:-20], None, 400),
        (form(FILE, PURPOSE, ending=""), None, 400),
        (form(FILE, PURPOSE), "multipart/form-data; boundary=another", 400),
        (b"", None, 400),
        (form(FILE, PURPOSE), "multipart/form-data", 415),
        (b"{}", "application/json", 415),
    ],
)
def test_what_is_no_whole_form_is_refused_and_nothing_of_it_is_kept(
    shelf: Shelf, body: bytes, content_type: str | None, status: int
) -> None:
    answer = shelf.send(body, content_type)

    assert answer.status_code == status, answer.text
    assert shelf.kept() == []


def test_a_compressed_body_is_refused(shelf: Shelf) -> None:
    refused(shelf.send(form(FILE, PURPOSE), headers={"Content-Encoding": "gzip"}), 415, "Content-Encoding")


def test_a_file_may_be_as_large_as_is_set_and_no_byte_larger(shelf: Shelf) -> None:
    assert shelf.put(b"x" * MOST_BYTES)["bytes"] == MOST_BYTES
    kept = shelf.kept()

    refused(shelf.post(("file", "a", b"x" * (MOST_BYTES + 1)), PURPOSE), 413, "file", f"{MOST_BYTES} bytes")
    refused(shelf.post(("file", "a", b"x" * 2 * MOST_BYTES), PURPOSE), 413, "file", f"{MOST_BYTES} bytes")
    assert shelf.kept() == kept


@pytest.mark.parametrize(
    ("filename", "kept", "told"),
    [
        ("C:\\\\folder\\\\lines.jsonl", "lines.jsonl", 'attachment; filename="lines.jsonl"'),
        ("a/b/lines.jsonl", "lines.jsonl", 'attachment; filename="lines.jsonl"'),
        (
            "größer.jsonl",
            "größer.jsonl",
            "attachment; filename=\"groer.jsonl\"; filename*=UTF-8''gr%C3%B6%C3%9Fer.jsonl",
        ),
        ("a; b=c.jsonl", "a; b=c.jsonl", 'attachment; filename="a; b=c.jsonl"'),
        ("数.jsonl", "数.jsonl", "attachment; filename=\".jsonl\"; filename*=UTF-8''%E6%95%B0.jsonl"),
    ],
)
def test_odd_names_are_kept_and_told(shelf: Shelf, filename: str, kept: str, told: str) -> None:
    sent = shelf.put(b"x", filename)

    assert sent["filename"] == kept
    assert shelf.content(sent["id"]).headers["Content-Disposition"] == told


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=10-", 10, None),
        ("bytes=-7", -7, None),
        ("bytes=5-99999999", 5, None),
        ("bytes=-99999999", 0, None),
    ],
)
def test_a_range_is_answered_alone(shelf: Shelf, asked: str, start: int, stop: int | None) -> None:
    sent = shelf.put()
    answer = shelf.content(sent["id"], Range=asked)

    assert answer.status_code == 206
    assert answer.data == LINES[start:stop]
    first = len(LINES) + start if start < 0 else start
    assert answer.headers["Content-Range"] == f"bytes {first}-{first + len(answer.data) - 1}/{len(LINES)}"
    assert int(answer.headers["Content-Length"]) == len(answer.data)


@pytest.mark.parametrize("asked", ["lines=0-9", "bytes=9-0", "bytes=a-b", "bytes=0-1,4-5", "bytes"])
def test_a_range_that_is_none_or_several_is_answered_with_all(shelf: Shelf, asked: str) -> None:
    answer = shelf.content(shelf.put()["id"], Range=asked)

    assert answer.status_code == 200
    assert answer.data == LINES


@pytest.mark.parametrize("asked", [f"bytes={len(LINES)}-", "bytes=-0"])
def test_a_range_without_bytes_is_refused_with_the_length(shelf: Shelf, asked: str) -> None:
    answer = shelf.content(shelf.put()["id"], Range=asked)

    refused(answer, 416, None)
    assert answer.headers["Content-Range"] == f"bytes */{len(LINES)}"


@pytest.mark.parametrize("given", ['"{id}"', 'W/"{id}"', '"other", "{id}"', "*"])
def test_who_has_a_file_is_told_so(shelf: Shelf, given: str) -> None:
    file_id = shelf.put()["id"]
    answer = shelf.content(file_id, If_None_Match=given.format(id=file_id), Range="bytes=0-1")

    assert (answer.status_code, answer.data) == (304, b"")
    assert answer.headers["ETag"] == f'"{file_id}"'
    assert shelf.content(file_id, If_None_Match='"other"').status_code == 200


def test_a_range_of_another_version_is_answered_with_all(shelf: Shelf) -> None:
    file_id = shelf.put()["id"]

    assert shelf.content(file_id, Range="bytes=0-1", If_Range='"other"').status_code == 200
    assert shelf.content(file_id, Range="bytes=0-1", If_Range=f'"{file_id}"').status_code == 206


def test_what_a_head_tells_is_what_a_get_would(shelf: Shelf) -> None:
    path = f"/v1/files/{shelf.put()['id']}/content"
    head, get = shelf.api.send("HEAD", path), shelf.api.get(path)

    assert head.data == b""
    assert {name: head.headers[name] for name in ("Content-Length", "ETag", "Accept-Ranges")} == {
        name: get.headers[name] for name in ("Content-Length", "ETag", "Accept-Ranges")
    }


def test_a_file_in_parts_is_fetched_as_one(shelf: Shelf, redis_client: Redis) -> None:
    parts = [b"first\n" * 7, b"", b"second\n" * 11, b"third"]
    whole = b"".join(parts)
    file_id = shelf.put(whole)["id"]
    for number, part in enumerate(parts):
        with shelf.disposal.storage.create(f"batches/default/batch_1/output-{number}") as writer:
            writer.write(part)
        redis_client.rpush(
            f"frontier:t:default:parts:{file_id}", f"{len(part)} batches/default/batch_1/output-{number}"
        )

    assert shelf.content(file_id).data == whole
    for start, stop in ((0, 1), (40, 50), (42, 43), (100, 118), (len(whole) - 1, len(whole))):
        assert shelf.content(file_id, Range=f"bytes={start}-{stop - 1}").data == whole[start:stop]


def test_files_are_listed_in_pages_by_order_and_purpose(shelf: Shelf) -> None:
    ids = [shelf.put()["id"] for _ in range(3)]
    listed = shelf.api.get("/v1/files").json
    in_order = [one["id"] for one in listed["data"]]

    assert set(in_order) == set(ids)
    assert (listed["first_id"], listed["last_id"], listed["has_more"]) == (in_order[0], in_order[-1], False)
    assert [one["id"] for one in shelf.api.get("/v1/files?order=asc").json["data"]] == in_order[::-1]
    page = shelf.api.get(f"/v1/files?limit=1&after={in_order[0]}").json
    assert ([one["id"] for one in page["data"]], page["has_more"]) == ([in_order[1]], True)
    assert shelf.api.get("/v1/files?purpose=batch_output").json["data"] == []


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=0", "limit"),
        ("limit=10001", "limit"),
        ("order=up", "order"),
        ("purpose=vision", "purpose"),
        ("after=x", "after"),
        (f"after={NO_FILE}", "after"),
        ("colour=red", "colour"),
    ],
)
def test_a_list_that_cannot_be_is_refused_by_name(shelf: Shelf, query: str, param: str) -> None:
    refused(shelf.api.get(f"/v1/files?{query}"), 400, param)


def test_a_deleted_file_is_gone_and_its_bytes_too(shelf: Shelf) -> None:
    kept, removed = shelf.put()["id"], shelf.put()["id"]
    answer = shelf.api.send("DELETE", f"/v1/files/{removed}")

    assert answer.json == {"id": removed, "object": "file", "deleted": True}
    for method, path in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
        refused(shelf.api.send(method, f"/v1/files/{removed}{path}"), 404, None)
    assert shelf.disposal.run() == 1
    assert [path.name for path in shelf.kept()] == [kept]
    assert [one["id"] for one in shelf.api.get("/v1/files").json["data"]] == [kept]


def test_bytes_that_cannot_be_deleted_are_tried_again(shelf: Shelf, redis_client: Redis) -> None:
    file_id = shelf.put()["id"]
    shelf.api.send("DELETE", f"/v1/files/{file_id}")
    [lies] = shelf.kept()
    lies.unlink()
    lies.mkdir()

    assert shelf.disposal.run() == 0
    lies.rmdir()
    redis_client.zadd("frontier:files_due", {f"default/{file_id}": 1})
    assert shelf.disposal.run() == 1
    assert redis_client.zcard("frontier:files_due") == 0


def test_a_file_whose_bytes_were_lost_is_not_there(shelf: Shelf) -> None:
    file_id = shelf.put()["id"]
    shelf.kept()[0].unlink()

    refused(shelf.content(file_id), 404, None)


def test_a_storage_that_is_no_folder_any_more_is_said_to_be_away(shelf: Shelf, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shelf.folder.rename(moved)
    try:
        shelf.folder.write_bytes(b"")
        answer = shelf.post(FILE, PURPOSE)
        assert answer.status_code == 503
        assert answer.json["type"] == "/problems/file-storage-unavailable"
        assert "Retry-After" in answer.headers
    finally:
        shelf.folder.unlink()
        moved.rename(shelf.folder)


def test_a_tenant_s_files_have_no_more_bytes_than_they_may(
    make_process: Callable[..., ApiProcess], redis_client: Redis, tmp_path: Path
) -> None:
    env = {"FILES_URL": f"file://{tmp_path}", "FILES_MAX_BYTES_PER_TENANT": "100"}
    shelf = Shelf(Api(make_process(env).test_client()), tmp_path, redis_client)
    shelf.put(b"x" * 60)
    for length in (41, 40):
        answer = shelf.post(("file", "a", b"x" * length), PURPOSE)
        assert answer.status_code == (413 if length == 41 else 200)
    answer = shelf.post(PURPOSE, FILE)

    refused(answer, 413, None, "100")
    assert answer.json["type"] == "/problems/files-full"
    assert shelf.of("other").post(("file", "a", b"x" * 100), PURPOSE).status_code == 200
    assert len(shelf.kept()) == 3


def test_a_file_belongs_to_its_tenant_alone(shelf: Shelf) -> None:
    file_id, other = shelf.put()["id"], shelf.of("beta")

    for method, path in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
        refused(other.api.send(method, f"/v1/files/{file_id}{path}"), 404, None)
    assert other.api.get("/v1/files").json["data"] == []
    assert shelf.content(file_id).data == LINES


def test_answers_have_the_documented_form(shelf: Shelf) -> None:
    openapi: Any = shelf.api.get("/openapi.json").json
    sent = shelf.put()
    for document, name in (
        (sent, "File"),
        (shelf.api.get("/v1/files").json, "FileList"),
        (shelf.api.send("DELETE", f"/v1/files/{sent['id']}").json, "DeletedFile"),
    ):
        jsonschema.validate(document, {"$ref": f"#/components/schemas/{name}", "components": openapi["components"]})


def test_the_form_in_the_tests_is_one_that_could_be_sent() -> None:
    assert form(PURPOSE).startswith(f"--{BOUNDARY}\r\n".encode())
