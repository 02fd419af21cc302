from __future__ import annotations

from collections.abc import Mapping

import pytest

from jobs.environment import SettingError
from observability.tracing import settings as module
from observability.tracing.settings import Target, TracingSettings


def read(env: Mapping[str, str], *, speaks_grpc: bool = False) -> TracingSettings:
    return TracingSettings.from_env(env, speaks_grpc=speaks_grpc)


@pytest.mark.parametrize(
    ("endpoint", "to_worker", "to_api"),
    [
        ("http://c:4318", ("http://c:4318/v1/traces", "http"), ("http://c:4318/v1/traces", "http")),
        ("http://c:4317", ("http://c:4317", "grpc"), ("http://c:4318/v1/traces", "http")),
        ("https://[::1]:4317", ("https://[::1]:4317", "grpc"), ("https://[::1]:4318/v1/traces", "http")),
        ("https://c/otlp/", ("https://c/otlp/v1/traces", "http"), ("https://c/otlp/v1/traces", "http")),
        ("http://c:9/v1/traces", ("http://c:9/v1/traces", "http"), ("http://c:9/v1/traces", "http")),
    ],
)
def test_the_port_says_how_a_worker_sends_and_the_api_never_speaks_grpc(
    endpoint: str, to_worker: tuple[str, str], to_api: tuple[str, str]
) -> None:
    targets = [read({"OTLP_ENDPOINT": endpoint}, speaks_grpc=speaks_grpc).target for speaks_grpc in (True, False)]
    assert [(target.url, target.protocol) for target in targets if target] == [to_worker, to_api]


def test_nothing_is_recorded_without_an_endpoint_or_where_it_is_turned_off() -> None:
    assert read({}) == TracingSettings(target=None, sample_ratio=0.1, trusts_parent=False)
    assert read({"OTLP_ENDPOINT": "http://c:4318", "ENABLE_TRACING": "false"}).target is None


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OTLP_ENDPOINT", "collector:4317"),
        ("OTLP_ENDPOINT", "ftp://collector"),
        ("OTLP_ENDPOINT", "http://key@collector:4318"),
        ("OTLP_ENDPOINT", "http://collector:99999"),
        ("OTLP_ENDPOINT", "http://collector:4318?key=1"),
        ("TRACING_SAMPLE_RATIO", "10"),
        ("TRACING_SAMPLE_RATIO", "a tenth"),
        ("ENABLE_TRACING", "perhaps"),
        ("TRACING_TRUST_PARENT", "perhaps"),
    ],
)
def test_a_wrong_value_names_its_variable(variable: str, value: str) -> None:
    with pytest.raises(SettingError, match=variable):
        read({variable: value})


def test_a_worker_that_lacks_grpc_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    with pytest.raises(SettingError, match=r"frontier\[otlp-grpc\]"):
        read({"OTLP_ENDPOINT": "http://c:4317"}, speaks_grpc=True)
    assert read({"OTLP_ENDPOINT": "http://c:4317"}).target == Target(url="http://c:4318/v1/traces", protocol="http")
