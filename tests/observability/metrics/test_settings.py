"""What an operator can say of metrics."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from jobs.environment import SettingError
from observability.metrics.settings import MetricsSettings


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, MetricsSettings(are_on=True, host="127.0.0.1", port=None)),
        ({"ENABLE_METRICS": "false"}, MetricsSettings(are_on=False)),
        ({"METRICS_PORT": "9464"}, MetricsSettings(port=9464)),
        ({"METRICS_PORT": "9464", "METRICS_HOST": "::"}, MetricsSettings(port=9464, host="::")),
    ],
)
def test_what_is_not_said_is_as_usual(env: Mapping[str, str], expected: MetricsSettings) -> None:
    assert MetricsSettings.from_env(env) == expected


@pytest.mark.parametrize(
    "env",
    [{"ENABLE_METRICS": "perhaps"}, {"METRICS_PORT": "0"}, {"METRICS_PORT": "all"}, {"METRICS_HOST": "0.0.0.0"}],
)
def test_a_value_that_cannot_be_used_is_named(env: Mapping[str, str]) -> None:
    [variable] = env
    with pytest.raises(SettingError, match=variable):
        MetricsSettings.from_env(env)
