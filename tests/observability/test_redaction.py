"""No line of a log opens anything."""

from __future__ import annotations

import io
import json
import logging

import pytest

from jobs.access.key_text import KeyText
from observability.redaction import redacted

KEY = KeyText.new("live")
SECRET = KEY.text.rpartition("_")[2]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"Invalid header 'Authorization: Bearer {KEY.text}'", "Invalid header 'Authorization: Bearer ***'"),
        (f"GET /?key={KEY.text}&x=1", f"GET /?key=fr_live_{KEY.key_id[4:]}_***"),
        (f"{KEY.text[:-1]} is mistyped", f"fr_live_{KEY.key_id[4:]}_*** is mistyped"),
        ("authorization: bearer the-operators-key\\r\\n", "authorization: bearer ***\\r\\n"),
        ("signed with whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw==", "signed with whsec_***"),
        ("fr_live is a name, and key_4fZ8kQm2xLw9RtYb7NcVd1 an id", None),
        ("the bearer", None),
    ],
    ids=["header", "query", "mistyped", "operator's", "webhook secret", "names and ids", "a word"],
)
def test_secrets_are_taken_out_and_nothing_else(text: str, shown: str | None) -> None:
    assert redacted(text) == (shown or text)


def test_wherever_a_key_stands_in_a_record_it_is_not_written(log: io.StringIO) -> None:
    logger = logging.getLogger("somebody.elses")
    try:
        int(KEY.text)
    except ValueError:
        logger.exception("failed for %s", KEY.text, extra={"headers": {"Authorization": f"Bearer {KEY.text}"}})

    assert SECRET not in log.getvalue()
    assert json.loads(log.getvalue())["event"] == f"failed for fr_live_{KEY.key_id[4:]}_***"
