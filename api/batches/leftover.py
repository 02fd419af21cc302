"""Tells of the lines that a batch which ends early has not run."""

from __future__ import annotations

import json

from api.batches.answer_lines import answer_of_left
from api.batches.gathering import Gathering
from api.batches.harvest import PART_LINES, Harvest
from api.batches.line_feed import LineFeed
from api.batches.line_job import job_id_of_line


def tell_leftover(feed: LineFeed, gathering: Gathering, *, input_is_gone: bool) -> None:
    """Commit one part of them; the next call tells on, until the feed is done. All lines that ran are told before.

    Of an input that is gone nobody knows what the lines were called. Raises what `Gathering.write` does, and FileGone.
    """
    work = feed.work
    count = min(PART_LINES, feed.total - feed.position)
    named = _unnamed(feed, count) if input_is_gone else _named(feed, count)
    harvest = Harvest()
    for number, custom_id in named:
        job_id = job_id_of_line(feed.lease.batch.id, number, kind=feed.reader.endpoint.id_kind)
        harvest.add(answer_of_left(job_id, custom_id, gathering.left_code), job_id=None, now=work.clock())
    gathering.parts.put(harvest, position=feed.position + count)
    gathering.told += count
    feed.position += count


def _named(feed: LineFeed, count: int) -> list[tuple[int, str | None]]:
    named: list[tuple[int, str | None]] = []
    while len(named) < count:
        lines = feed.source.next_lines(feed.position + len(named), count - len(named))
        named += [(place.number, json.loads(raw)["custom_id"]) for place, raw in lines]
    return named


def _unnamed(feed: LineFeed, count: int) -> list[tuple[int, str | None]]:
    """Numbers that no line has, so that no two answers have the same id."""
    return [(-position, None) for position in range(feed.position + 1, feed.position + count + 1)]
