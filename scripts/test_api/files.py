"""Files: sent, looked at, fetched, listed and deleted; each case deletes what it has sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from scripts.test_api.answer import Answer, expect
from scripts.test_api.check import case
from scripts.test_api.system import System
from scripts.upload import Upload

FILES = "/v1/files"
ONE = f"{FILES}/{{id}}"
LINES = b'{"custom_id": "1"}\n' * 10


@case("files", f"POST {FILES}", "a file in OpenAI's form; another purpose is refused by name")
def send(system: System) -> None:
    with sent_file(system) as file:
        expect(file["object"] == "file" and file["bytes"] == len(LINES), "the file is not the one sent")
    other = Upload(LINES, name="lines.jsonl", purpose="vision")
    system.call(f"POST {FILES}", upload=other).expect(400).blames("purpose")


@case("files", f"GET {FILES}", "a page, newest first")
def listing(system: System) -> None:
    with sent_file(system) as file:
        page = system.call(f"GET {FILES}", query={"limit": "100"}).expect(200)
        expect(file["id"] in {one["id"] for one in page["data"]}, "the newest files are without the one just sent")


@case("files", f"GET {ONE}", "the file; an unknown one is 404")
def look(system: System) -> None:
    with sent_file(system) as file:
        expect(system.call(f"GET {ONE}", file["id"]).expect(200)["filename"] == "lines.jsonl", "it has another name")
    system.call(f"GET {ONE}", "file-0000000000000000000000").refuses(404, "file-not-found")


@case("files", f"GET {ONE}/content", "the bytes, and a range of them")
def content(system: System) -> None:
    with sent_file(system) as file:
        operation = f"GET {ONE}/content"
        length = system.call(operation, file["id"]).expect(200).headers.get("Content-Length")
        expect(length == str(len(LINES)), f"there are {length} bytes, not {len(LINES)}")
        part = system.call(operation, file["id"], headers={"Range": "bytes=0-9"}).expect(206)
        told = part.headers.get("Content-Range")
        expect(told == f"bytes 0-9/{len(LINES)}", f"the range is told as {told}")


@case("files", f"DELETE {ONE}", "it is gone, and a repeat is 404")
def delete(system: System) -> None:
    with sent_file(system) as file:
        expect(system.call(f"DELETE {ONE}", file["id"]).expect(200)["deleted"] is True, "it was not deleted")
        system.call(f"DELETE {ONE}", file["id"]).refuses(404, "file-not-found")


@contextmanager
def sent_file(system: System, text: bytes = LINES) -> Iterator[Answer]:
    """A new file, which is deleted afterwards."""
    file = system.call(f"POST {FILES}", upload=Upload(text, name="lines.jsonl")).expect(200)
    try:
        yield file
    finally:
        system.call(f"DELETE {ONE}", file["id"]).expect(200, 404)


CASES = (send, listing, look, content, delete)
