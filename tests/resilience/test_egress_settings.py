from __future__ import annotations

from ipaddress import ip_network

import pytest

from jobs.environment import SettingError
from resilience.egress.settings import egress_rules_from_env


@pytest.mark.parametrize("env", [{}, {"WEBHOOK_ALLOW_HTTP": "", "WEBHOOK_ALLOW_CIDRS": ""}])
def test_nothing_is_open_unless_somebody_opens_it(env: dict[str, str]) -> None:
    assert not egress_rules_from_env(env).is_open


def test_http_and_networks_can_be_opened() -> None:
    rules = egress_rules_from_env({"WEBHOOK_ALLOW_HTTP": "true", "WEBHOOK_ALLOW_CIDRS": "127.0.0.0/8, ::1"})
    assert rules.allow_http
    assert rules.exempt == (ip_network("127.0.0.0/8"), ip_network("::1/128"))


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("WEBHOOK_ALLOW_HTTP", "perhaps", "boolean"),
        ("WEBHOOK_ALLOW_CIDRS", "127.0.0.1/8", "'127.0.0.1/8' is none"),
        ("WEBHOOK_ALLOW_CIDRS", "10.0.0.0/8,localhost", "'localhost' is none"),
        ("WEBHOOK_ALLOW_CIDRS", "10.0.0.0/8,", "such as 127.0.0.0/8"),
    ],
)
def test_a_wrong_value_is_refused_with_its_variable_and_the_form(variable: str, value: str, words: str) -> None:
    with pytest.raises(SettingError, match=f"^{variable}: .*{words}"):
        egress_rules_from_env({variable: value})
