from __future__ import annotations

import socket

import pytest

from jobs.environment import SettingError
from scripts.metrics_ports import metrics_ports
from scripts.ports import free_port, is_free

OTHERS = ["m-1", "webhooks", "batches"]


def test_without_a_setting_those_without_http_get_free_ports_and_the_api_none() -> None:
    found = metrics_ports("api", OTHERS, {})
    assert found.keys() == set(OTHERS)
    assert len(set(found.values())) == len(OTHERS)


def test_the_port_that_is_set_is_the_first_of_a_row() -> None:
    port = next(port for port in iter(free_port, None) if is_free("127.0.0.1", port + 1))
    assert metrics_ports("api", ["m-1"], {"METRICS_PORT": str(port)}) == {"api": port, "m-1": port + 1}


def test_where_nothing_is_measured_nothing_is_told() -> None:
    assert metrics_ports("api", OTHERS, {"ENABLE_METRICS": "false", "METRICS_PORT": "9464"}) == {}


def test_a_port_that_is_taken_is_named_with_its_variable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingError, match=rf"METRICS_PORT: .* but {port}, that of api, is taken"):
            metrics_ports("api", OTHERS, {"METRICS_PORT": str(port)})


def test_a_row_that_goes_beyond_the_last_port_is_refused() -> None:
    with pytest.raises(SettingError, match="METRICS_PORT"):
        metrics_ports("api", [f"m-{number}" for number in range(9)], {"METRICS_PORT": "65530"})
