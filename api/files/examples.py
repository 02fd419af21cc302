"""What the documentation shows of files."""

from __future__ import annotations

from api.files.document import deleted_document, file_document
from api.id_pages import id_page
from jobs.files.file import File, Purpose

_FILE = File(
    id="file-4fZ8kQm2xLw9RtYb7NcVd1",
    tenant="default",
    filename="questions.jsonl",
    purpose=Purpose.BATCH,
    bytes=120_000,
    created_at=1_795_384_800.0,
    expires_at=1_797_976_800.0,
)

FILE = file_document(_FILE)
FILE_LIST = id_page([FILE], has_more=False)
DELETED_FILE = deleted_document(_FILE.id)
UPLOAD = {"file": "@questions.jsonl", "purpose": "batch"}
CONTENT = '{"custom_id": "1", "method": "POST", "url": "/v1/completions", "body": {"prompt": "To be, or not"}}\n'
