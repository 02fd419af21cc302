from __future__ import annotations

import subprocess
import sys

import pytest

from jobs.environment import SettingError
from jobs.webhooks.sealing import new_key
from resilience.egress.post import Limits
from tasks.retry_schedule import RetrySchedule
from tasks.sender_settings import SenderSettings


def test_everything_has_a_default() -> None:
    settings = SenderSettings.from_env({})
    assert settings.sender.startswith("webhooks@")
    assert (settings.threads, settings.lease_seconds, settings.limits) == (64, 35, Limits())
    assert settings.schedule == RetrySchedule()
    assert (settings.rules.warn_after_seconds, settings.rules.disable_after_seconds) == (3 * 86_400, 5 * 86_400)
    assert not settings.egress.is_open
    assert settings.sealer is None


def test_what_is_set_is_taken() -> None:
    settings = SenderSettings.from_env(
        {
            "WEBHOOK_SCHEDULE": "0, 1,2.5",
            "WEBHOOK_TIMEOUT_S": "3",
            "WEBHOOK_CONCURRENCY": "2",
            "WEBHOOK_RATE": "0.5",
            "WEBHOOK_CIRCUIT_S": "7",
            "WEBHOOK_DISABLE_AFTER_S": "10",
            "WEBHOOK_SENDER_THREADS": "4",
            "FRONTIER_WORKER_NAME": "post-1",
            "FRONTIER_SECRET_KEY": new_key(),
        }
    )
    assert settings.schedule == RetrySchedule((0, 1, 2.5))
    assert settings.limits == Limits(connect_seconds=3, read_seconds=3, total_seconds=3)
    rules = settings.rules
    assert (rules.concurrency, rules.rate_per_second) == (2, 0.5)
    assert settings.store.webhook_circuit_seconds == 7
    assert (rules.warn_after_seconds, rules.disable_after_seconds) == (6, 10)
    assert (settings.threads, settings.sender, settings.lease_seconds) == (4, "post-1", 18)
    assert settings.sealer is not None


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("WEBHOOK_SCHEDULE", "5,10"),
        ("WEBHOOK_SCHEDULE", "0,soon"),
        ("WEBHOOK_SCHEDULE", "0,-1"),
        ("WEBHOOK_SCHEDULE", "0,inf"),
        ("WEBHOOK_SCHEDULE", ",".join("0" * 51)),
        ("WEBHOOK_TIMEOUT_S", "0"),
        ("WEBHOOK_CONCURRENCY", "0"),
        ("WEBHOOK_RATE", "none"),
        ("WEBHOOK_CIRCUIT_S", "-1"),
        ("WEBHOOK_DISABLE_AFTER_S", "x"),
        ("WEBHOOK_SENDER_THREADS", "0"),
        ("WEBHOOK_ALLOW_CIDRS", "everything"),
        ("WEBHOOK_BACKLOG", "0"),
        ("FRONTIER_SECRET_KEY", "short"),
        ("FRONTIER_FAILPOINTS", "sender.after_claim=tickle"),
    ],
)
def test_a_wrong_value_is_refused_with_the_name_of_its_variable(variable: str, value: str) -> None:
    with pytest.raises(SettingError, match=f"^{variable}: "):
        SenderSettings.from_env({variable: value})


def test_a_sender_never_loads_torch() -> None:
    code = "import sys, tasks.webhooks; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "tasks.sending" in loaded
    assert {"torch", "transformers", "flask"}.isdisjoint(loaded)
