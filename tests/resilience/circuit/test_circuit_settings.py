from __future__ import annotations

import pytest

from jobs.environment import SettingError
from resilience.circuit.settings import CircuitSettings


@pytest.mark.parametrize(
    "env", [{}, {"CIRCUIT_BREAKER_FAILURE_THRESHOLD": "", "CIRCUIT_BREAKER_TIMEOUT_SEC": ""}], ids=["unset", "empty"]
)
def test_five_failures_open_a_circuit_for_a_minute_unless_somebody_says_otherwise(env: dict[str, str]) -> None:
    settings = CircuitSettings.from_env(env)
    assert settings == CircuitSettings()
    assert (settings.failure_threshold, settings.failure_rate, settings.open_seconds) == (5, 0.5, 60)


def test_the_environment_can_say_otherwise() -> None:
    env = {"CIRCUIT_BREAKER_FAILURE_THRESHOLD": "2", "CIRCUIT_BREAKER_TIMEOUT_SEC": "0.5"}
    settings = CircuitSettings.from_env(env)
    assert (settings.failure_threshold, settings.open_seconds) == (2, 0.5)


def test_an_open_time_that_is_longer_than_the_usual_cap_is_its_own_and_is_not_forgotten_meanwhile() -> None:
    settings = CircuitSettings.from_env({"CIRCUIT_BREAKER_TIMEOUT_SEC": "86400"})
    assert settings.open_for(4, 1.0) == 86_400
    assert settings.forget_seconds > 86_400


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CIRCUIT_BREAKER_FAILURE_THRESHOLD", "0"),
        ("CIRCUIT_BREAKER_FAILURE_THRESHOLD", "half"),
        ("CIRCUIT_BREAKER_TIMEOUT_SEC", "0"),
        ("CIRCUIT_BREAKER_TIMEOUT_SEC", "nan"),
        ("CIRCUIT_BREAKER_TIMEOUT_SEC", "-60"),
    ],
)
def test_a_wrong_value_is_refused_with_its_variable(variable: str, value: str) -> None:
    with pytest.raises(SettingError, match=f"^{variable}: "):
        CircuitSettings.from_env({variable: value})
