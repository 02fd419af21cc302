from __future__ import annotations

import pytest

from jobs.environment import SettingError
from jobs.settings import StoreSettings


def test_nothing_need_be_set() -> None:
    assert StoreSettings.from_env({}) == StoreSettings()
    assert StoreSettings.from_env({"FRONTIER_LEASE_S": ""}) == StoreSettings()


def test_what_is_set_counts() -> None:
    env = {"FRONTIER_LEASE_S": "2.5", "FRONTIER_DURABILITY": "strict", "USAGE_LOG_S": "60"}
    settings = StoreSettings.from_env(env)
    assert (settings.lease_seconds, settings.durability, settings.usage_log_seconds) == (2.5, "strict", 60)


@pytest.mark.parametrize("value", ["0", "-1", "soon", "nan", "inf"])
def test_a_duration_that_is_none_is_refused_by_name(value: str) -> None:
    with pytest.raises(SettingError, match=r"^FRONTIER_LEASE_S: "):
        StoreSettings.from_env({"FRONTIER_LEASE_S": value})


def test_every_mistake_is_named_at_once() -> None:
    with pytest.raises(SettingError, match=r"(?s)FRONTIER_SWEEP_S: .*FRONTIER_DURABILITY: "):
        StoreSettings.from_env({"FRONTIER_SWEEP_S": "x", "FRONTIER_DURABILITY": "maybe"})


def test_a_bound_is_told_to_its_last_digit() -> None:
    with pytest.raises(SettingError, match=r"from 1 to 1000000000000\.$"):
        StoreSettings.from_env({"TENANT_CONCURRENT_JOBS": "0"})
