"""What the documentation shows of batches."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from api.batches.document import batch_document
from api.id_pages import id_page
from jobs.batches.batch import Batch, BatchError, BatchStatus, BatchUsage

_CREATED_AT = 1_795_384_800.0

_VALIDATING = Batch(
    id="batch_4fZ8kQm2xLw9RtYb7NcVd1",
    tenant="default",
    key_id="operator",
    endpoint="/v1/chat/completions",
    input_file_id="file-4fZ8kQm2xLw9RtYb7NcVd1",
    window_seconds=86_400.0,
    status=BatchStatus.VALIDATING,
    created_at=_CREATED_AT,
    expires_at=_CREATED_AT + 86_400,
    metadata={"order": "42"},
)
_RUNNING = replace(
    _VALIDATING,
    status=BatchStatus.IN_PROGRESS,
    model="shakespeare",
    in_progress_at=_CREATED_AT + 2,
    total=1319,
    completed=400,
    usage=BatchUsage(prompt_tokens=24_400, completion_tokens=25_600),
)
_COMPLETED = replace(
    _RUNNING,
    status=BatchStatus.COMPLETED,
    finalizing_at=_CREATED_AT + 190,
    completed_at=_CREATED_AT + 191,
    completed=1317,
    failed=2,
    usage=BatchUsage(prompt_tokens=80_337, completion_tokens=84_288),
    output_file_id="file-9aW3pTz5sKc8HdYn2JbMv4",
    error_file_id="file-1uRq6XeG7oLf0ViS3CkPw8",
)
_FAILED = replace(
    _VALIDATING,
    status=BatchStatus.FAILED,
    failed_at=_CREATED_AT + 2,
    errors=[
        BatchError(
            code="duplicate_custom_id",
            message="Line 7: custom_id: '3' is that of line 3 too; each line needs its own.",
            line=7,
            param="custom_id",
        )
    ],
)

NEW_BATCH: dict[str, Any] = {
    "input_file_id": _VALIDATING.input_file_id,
    "endpoint": _VALIDATING.endpoint,
    "completion_window": "24h",
    "metadata": {"order": "42"},
}
MADE_BATCH = batch_document(_VALIDATING)
COMPLETED_BATCH = batch_document(_COMPLETED)
FAILED_BATCH = batch_document(_FAILED)
BATCH_LIST = id_page([MADE_BATCH], has_more=False)
CANCELLING_BATCH = batch_document(replace(_RUNNING, status=BatchStatus.CANCELLING, cancelling_at=_CREATED_AT + 60))
OUTPUT = (
    '{"id": "batch_req_4fZ8kQm2xLw9RtYb7NcVd1", "custom_id": "1", "response": {"status_code": 200, '
    '"request_id": "req_4fZ8kQm2xLw9RtYb7NcVd1", "body": {"object": "chat.completion", …}}, "error": null}\n'
)
BATCH_HEADERS = {
    "ETag": {"description": "Another one whenever anything of the batch has changed", "schema": {"type": "string"}},
    "Preference-Applied": {"description": "What of `Prefer` was honoured", "schema": {"type": "string"}},
}
OUTPUT_HEADERS = {
    "Next-After": {
        "description": "What to give as `after` next time",
        "schema": {"type": "integer", "minimum": 0},
    },
    "Preference-Applied": {"description": "What of `Prefer` was honoured", "schema": {"type": "string"}},
    "Batch-Status": {
        "description": "Of the batch; once it has ended, no lines follow",
        "schema": {"type": "string", "enum": [one.value for one in BatchStatus]},
    },
}
