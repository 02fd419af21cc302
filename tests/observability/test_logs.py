"""A line of the log: one object, with what is known, without what nobody may read there."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from jobs.environment import SettingError
from observability.log_context import about, forget, note
from observability.log_settings import LogSettings
from observability.logs import configure_logging
from observability.tenant_hash import hash_tenants_with, tenant_hash

logger = logging.getLogger("frontier.test")


@pytest.fixture(autouse=True)
def nothing_known() -> Iterator[None]:
    forget()
    yield
    forget()


def entries(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_a_line_tells_what_is_known_of_the_request_and_the_attempt_and_afterwards_no_more(log: io.StringIO) -> None:
    with about(job_id="job_1", request_id=None):
        note(attempt=2, trace_id="4bf9")
        logger.info("inside", extra={"attempt": 3})
    logger.info("outside")

    inside, outside = entries(log)
    assert (inside["event"], inside["level"], inside["logger"]) == ("inside", "INFO", "frontier.test")
    assert (inside["job_id"], inside["trace_id"]) == ("job_1", "4bf9")
    assert inside["attempt"] == 3, "what a line brings along goes first"
    assert "request_id" not in inside
    assert set(outside) == {"time", "level", "logger", "event"}


def test_threads_do_not_tell_of_each_other(log: io.StringIO) -> None:
    barrier = threading.Barrier(2)

    def work(name: str) -> None:
        with about(job_id=name):
            barrier.wait()
            logger.info(name)
            barrier.wait()

    threads = [threading.Thread(target=work, args=(name,)) for name in ("job_1", "job_2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {(entry["event"], entry["job_id"]) for entry in entries(log)} == {("job_1", "job_1"), ("job_2", "job_2")}


def test_a_tenant_is_told_by_a_hash_that_only_the_key_of_the_deployment_gives(log: io.StringIO) -> None:
    hash_tenants_with(b"one")
    logger.info("made", extra={"tenant": "acme"})
    with about(tenant="acme"):
        logger.info("asked")
    shown = tenant_hash("acme")
    hash_tenants_with(b"another")

    assert "acme" not in log.getvalue()
    assert [entry["tenant_hash"] for entry in entries(log)] == [shown, shown]
    assert tenant_hash("acme") != shown
    assert tenant_hash("beta") != tenant_hash("acme")
    hash_tenants_with(b"one")
    assert tenant_hash("acme") == shown


def test_an_error_is_told_by_its_kinds_and_places_and_not_by_its_words(log: io.StringIO) -> None:
    try:
        try:
            int("O Romeo")
        except ValueError as error:
            raise OSError(28, "No space left on device", "/tmp/O Romeo") from error
    except OSError:
        logger.exception("failed")

    [entry] = entries(log)
    assert "O Romeo" not in log.getvalue()
    told = entry["exc_info"].splitlines()
    assert told[0] == "Traceback, without messages:"
    assert "builtins.OSError (No space left on device)" in told
    assert "builtins.ValueError" in told
    assert any(__file__ in line for line in told)


def test_what_celery_says_of_a_failed_task_has_neither_its_arguments_nor_its_error(log: io.StringIO) -> None:
    context = {"name": "frontier.attempt", "id": "job_1", "args": "('O Romeo',)", "exc": "ValueError('O Romeo')"}
    logging.getLogger("celery.app.trace").error(
        "Task %(name)s[%(id)s] raised: %(exc)s", context, extra={"data": context}
    )

    [entry] = entries(log)
    assert (entry["event"], entry["task"], entry["task_id"]) == ("task_failed", "frontier.attempt", "job_1")
    assert "O Romeo" not in log.getvalue()


def test_at_debug_ours_speak_and_libraries_do_not(log: io.StringIO) -> None:
    configure_logging(log, LogSettings(level="DEBUG"))
    logging.getLogger("tasks.attempt").debug("ours")
    logging.getLogger("botocore").debug("theirs")
    configure_logging(log, LogSettings(level="ERROR"))
    logging.getLogger("tasks.attempt").warning("too little")
    configure_logging(log)
    logging.getLogger("tasks.attempt").debug("no more")

    assert [entry["event"] for entry in entries(log)] == ["ours"]


def test_without_structure_a_line_is_for_people(log: io.StringIO) -> None:
    configure_logging(log, LogSettings(structured=False))
    logger.warning("redis_is_away", extra={"round": "sweep", "reason": "it does not answer", "nothing": None})
    said = log.getvalue()

    assert said.rstrip().endswith('WARNING  redis_is_away        round=sweep reason="it does not answer"')
    assert not said.startswith("{")


@pytest.mark.parametrize("name", ["LOG_LEVEL", "ENABLE_STRUCTURED_LOGGING"])
def test_a_wrong_setting_names_its_variable(name: str) -> None:
    with pytest.raises(SettingError, match=name):
        LogSettings.from_env({name: "loud"})


def test_settings_have_defaults_that_an_empty_variable_keeps() -> None:
    assert LogSettings.from_env({"LOG_LEVEL": ""}) == LogSettings(structured=True, level="INFO")
    given = {"LOG_LEVEL": "DEBUG", "ENABLE_STRUCTURED_LOGGING": "false"}
    assert LogSettings.from_env(given) == LogSettings(structured=False, level="DEBUG")
