"""Ids that follow from a batch's own: whoever asks again finds what there is."""

from __future__ import annotations

import hashlib

from jobs.batches.batch import PartKind
from jobs.ids import base62

_LENGTH = 22


def line_job_id(batch_id: str, number: int) -> str:
    """The id of the job that a line becomes; lines count from 1."""
    return f"job_{_derived(f'{batch_id}:{number}')}"


def output_file_id(batch_id: str, kind: PartKind) -> str:
    """The id of the file that a batch's parts of one kind come to."""
    return f"file-{_derived(f'{batch_id}:{kind}')}"


def batch_folder(tenant: str, batch_id: str) -> str:
    """Where in the storage everything lies that runners write of a batch."""
    return f"batches/{tenant}/{batch_id}"


def token_of(name: str) -> int | None:
    """The token of the lease under which that was written; None of what no runner writes."""
    token = name.rpartition("-")[2]
    return int(token) if token.isdecimal() else None


def order_name(tenant: str, batch_id: str, token: int) -> str:
    """What the order of a batch's lines is called in storage."""
    return f"{batch_folder(tenant, batch_id)}/order-{token}"


def part_name(tenant: str, batch_id: str, kind: PartKind, number: int, token: int) -> str:
    """What a part is called in storage; the token keeps a superseded runner from writing over what was committed."""
    return f"{batch_folder(tenant, batch_id)}/{kind}-{number:05}-{token}"


def _derived(text: str) -> str:
    number = int.from_bytes(hashlib.sha256(text.encode()).digest())
    return base62(number % 62**_LENGTH, _LENGTH)
