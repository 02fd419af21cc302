"""Where the programs of `frontier up` tell their metrics: each on a port of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jobs.environment import SettingError
from observability.metrics.settings import PORT, MetricsSettings
from scripts import ports


def metrics_ports(api: str, others: Sequence[str], env: Mapping[str, str]) -> dict[str, int]:
    """By the name of each program that tells on one. Raises SettingError.

    METRICS_PORT is the first of as many in a row as there are programs, that of the *api*. Without it the *others* get
    ports that are free, and the API tells at `/metrics` alone.
    """
    settings = MetricsSettings.from_env(env)
    if not settings.are_on:
        return {}
    if settings.port is None:
        return {name: ports.free_port() for name in others}
    given = {name: settings.port + place for place, name in enumerate((api, *others))}
    for name, port in given.items():
        if port > ports.LAST or not ports.is_free(settings.host, port):
            reason = f"{PORT}: the programs take {len(given)} ports from {settings.port} on, but {port}, that of {name}"
            raise SettingError(f"{reason}, is taken or none.")
    return given
