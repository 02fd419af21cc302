"""What the documentation shows of usage."""

from __future__ import annotations

from datetime import date

from api.usage_document import grouped, usage_csv, usage_document
from api.usage_query import UsageQuery
from jobs.job import Usage
from jobs.usage import UsageRow, Used

_DAY = date(2026, 11, 23)
_ROWS = [
    UsageRow(
        day=_DAY, tenant="acme", key_id="key_4fZ8kQm2xLw9RtYb7NcVd1", model="shakespeare", outcome=outcome, used=used
    )
    for outcome, used in (
        ("succeeded", Used(40, Usage(prompt_tokens=520, completion_tokens=2_380, engine_seconds=18.402113))),
        ("expired", Used(2, Usage(prompt_tokens=26, completion_tokens=31, wasted_tokens=12, engine_seconds=0.31))),
    )
]
_QUERY = UsageQuery(first=date(2026, 11, 1), last=_DAY, tenant="acme", group_by=("model", "outcome"), form="json")

USAGE = usage_document(grouped(_ROWS, _QUERY), _QUERY)
TABLE = usage_csv(grouped(_ROWS, _QUERY), _QUERY)
