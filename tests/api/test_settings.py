from __future__ import annotations

import pytest

from api.limit_settings import NO_LIMITS
from api.settings import ApiSettings
from jobs.environment import SettingError
from models.catalog import SHIPPED_CONFIG

KEY = {"TRUTHGPT_API_TOKEN": "a-key"}


def test_only_the_key_must_be_given() -> None:
    settings = ApiSettings.from_env(KEY)

    assert settings.redis_url == "redis://localhost:6379/0"
    assert settings.config == SHIPPED_CONFIG
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert settings.sealer is None
    assert not settings.egress.is_open


def test_what_is_set_counts() -> None:
    settings = ApiSettings.from_env(
        KEY | {"PORT": "9000", "HOST": "::", "REDIS_URL": "rediss://h:1/2", "API_WORKERS": "4"}
    )

    assert (settings.host, settings.port, settings.workers) == ("::", 9000, 4)
    assert settings.redis_url == "rediss://h:1/2"


def test_a_variable_that_is_set_to_nothing_counts_as_not_set() -> None:
    assert ApiSettings.from_env(KEY | {"PORT": "", "REDIS_URL": ""}).port == 8080


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TRUTHGPT_API_TOKEN", ""),
        ("TRUTHGPT_API_TOKEN", "two words"),
        ("TRUTHGPT_API_TOKEN", "clé"),
        ("PORT", "eighty"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("HOST", "a b"),
        ("REDIS_URL", "localhost:6379"),
        ("API_WORKERS", "0"),
        ("API_MAX_BODY_BYTES", "-1"),
        ("API_BODY_SECONDS", "soon"),
        ("FRONTIER_FAILPOINTS", "api.after_lunch=kill"),
        ("FRONTIER_SECRET_KEY", "secret"),
        ("WEBHOOK_ALLOW_CIDRS", "localhost"),
        ("WEBHOOK_ALLOW_HTTP", "perhaps"),
        ("RATE_LIMIT_RPM", "0"),
        ("RATE_LIMIT_RPM", "all"),
        ("RATE_LIMIT_RPM", "1e3"),
        ("RATE_LIMIT_RPM", "1000000000000"),
        ("RATE_LIMIT_WINDOW_SEC", "0.5"),
        ("RATE_LIMIT_AUTH_FAILURES", "-1"),
        ("RATE_LIMIT_NODES", "0"),
        ("API_KEY_ENV", "LIVE"),
        ("API_KEY_ENV", "a_b"),
        ("API_TRUSTED_PROXIES", "nginx"),
        ("API_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("API_CORS_ORIGINS", "app.example.org"),
        ("API_CORS_ORIGINS", "https://app.example.org/"),
        ("API_CORS_ORIGINS", "https://*.example.org"),
        ("API_CORS_ORIGINS", "null"),
        ("FILES_URL", "/var/lib/files"),
        ("FILES_URL", "file://files"),
        ("FILES_URL", "file:///dev/null/files"),
        ("FILES_URL", "s3://"),
        ("FILES_URL", "gs://bucket"),
        ("FILES_MAX_BYTES", "0"),
        ("FILES_MAX_BYTES_PER_TENANT", "0"),
        ("FILES_LIFETIME_S", "-1"),
    ],
)
def test_a_wrong_value_is_refused_with_the_name_of_its_variable(variable: str, value: str) -> None:
    with pytest.raises(SettingError, match=f"^{variable}: "):
        ApiSettings.from_env(KEY | {variable: value})


def test_everything_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(SettingError, match=r"(?s)TRUTHGPT_API_TOKEN: .*PORT: "):
        ApiSettings.from_env({"PORT": "eighty"})


def test_the_key_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SettingError) as refused:
        ApiSettings.from_env({"TRUTHGPT_API_TOKEN": "my secret"})

    assert "secret" not in str(refused.value) + capsys.readouterr().out


def test_limits_are_the_usual_ones_unless_they_are_set() -> None:
    usual = ApiSettings.from_env(KEY).limits
    given = {"RATE_LIMIT_RPM": "90", "RATE_LIMIT_WINDOW_SEC": "10", "RATE_LIMIT_AUTH_FAILURES": "7"}
    own = ApiSettings.from_env(KEY | given | {"RATE_LIMIT_NODES": "8", "API_WORKERS": "4"}).limits

    assert (usual.per_window, usual.window_seconds, usual.failures, usual.nodes) == (600, 60, 60, 1)
    assert (own.per_window, own.window_seconds, own.failures, own.nodes) == (15, 10, 7, 8)
    assert ApiSettings.from_env(KEY | {"API_WORKERS": "4"}).limits.nodes == 4


def test_limits_can_be_none() -> None:
    limits = ApiSettings.from_env(KEY | NO_LIMITS).limits

    assert (limits.per_window, limits.failures) == (None, None)


def test_a_window_so_short_that_nothing_fits_into_it_is_named() -> None:
    with pytest.raises(SettingError, match=r"^RATE_LIMIT_WINDOW_SEC: 5 a minute is none in 10 s"):
        ApiSettings.from_env(KEY | {"RATE_LIMIT_RPM": "5", "RATE_LIMIT_WINDOW_SEC": "10"})


def test_files_lie_in_the_data_folder_unless_it_is_said_where() -> None:
    usual = ApiSettings.from_env(KEY).files
    beside = ApiSettings.from_env(KEY | {"FRONTIER_DATA_DIR": "/srv/frontier"}).files

    assert usual.url.startswith("file:///")
    assert usual.url.endswith("/files")
    assert (usual.max_bytes, usual.most_of_tenant, usual.lifetime_seconds) == (200 * 2**20, None, 30 * 86_400)
    assert beside.url == "file:///srv/frontier/files"
    assert ApiSettings.from_env(KEY | {"FILES_URL": "memory://there"}).files.url == "memory://there"


def test_the_usual_folder_of_files_is_not_looked_at_before_a_file_comes() -> None:
    assert ApiSettings.from_env(KEY | {"FRONTIER_DATA_DIR": "/dev/null"}).files.url == "file:///dev/null/files"


def test_an_upload_at_the_slowest_pace_is_over_in_time_to_be_recorded() -> None:
    settings = ApiSettings.from_env(KEY)

    assert settings.files.longest_upload_seconds(settings.body_seconds) == 800 * 10 + 600
