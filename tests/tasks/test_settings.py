from __future__ import annotations

from pathlib import Path

import pytest

from jobs.environment import SettingError
from models.catalog import CatalogError
from tasks.settings import WorkerSettings


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "models.yaml"
    file.write_text("models: {first: {engine: scripted}, second: {engine: scripted, slots: 80}}\naliases: {b: second}")
    return str(file)


def test_a_worker_serves_the_first_model_unless_told_otherwise(config: str) -> None:
    settings = WorkerSettings.from_env({"TRUTHGPT_CONFIG": config})
    assert (settings.model.name, settings.slots, settings.concurrency) == ("first", 32, 40)
    assert settings.worker.startswith("first@")


def test_a_model_may_be_named_by_an_alias_and_has_its_own_slots(config: str) -> None:
    settings = WorkerSettings.from_env({"TRUTHGPT_CONFIG": config, "FRONTIER_MODEL": "b", "BATCH_MAX_SIZE": "4"})
    assert (settings.model.name, settings.slots, settings.concurrency) == ("second", 80, 100)


def test_the_pool_has_room_for_at_least_two_jobs_beyond_the_slots_and_two_newcomers(config: str) -> None:
    assert WorkerSettings.from_env({"TRUTHGPT_CONFIG": config, "BATCH_MAX_SIZE": "1"}).concurrency == 5


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("FRONTIER_MODEL", "third"),
        ("BATCH_MAX_SIZE", "0"),
        ("BATCH_MAX_SIZE", "many"),
        ("SHUTDOWN_GRACE_S", "-1"),
        ("FRONTIER_WATCHDOG_S", "never"),
        ("CELERY_EVENTS", "perhaps"),
        ("FRONTIER_LEASE_S", "0"),
        ("FRONTIER_FAILPOINTS", "worker.after_claim=tickle"),
    ],
)
def test_a_wrong_value_is_refused_with_the_name_of_its_variable(config: str, variable: str, value: str) -> None:
    with pytest.raises(SettingError, match=f"^{variable}: "):
        WorkerSettings.from_env({"TRUTHGPT_CONFIG": config, variable: value})


def test_the_key_of_an_upstream_comes_from_the_variable_that_is_named_and_is_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "far.yaml"
    file.write_text("models: {far: {engine: upstream, upstream: {url: 'http://h/v1', model: b, api_key_env: FAR_KEY}}}")
    settings = WorkerSettings.from_env({"TRUTHGPT_CONFIG": str(file), "FAR_KEY": "sk-secret"})
    assert settings.upstream_key == "sk-secret"
    assert "sk-secret" not in repr(settings)
    with pytest.raises(CatalogError, match="FAR_KEY: is not set"):
        WorkerSettings.from_env({"TRUTHGPT_CONFIG": str(file)})
