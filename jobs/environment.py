"""Reads settings from a process's environment, all of it at once and with every mistake named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from environs import Env, EnvValidationError
from marshmallow import ValidationError


class SettingError(Exception):
    """Raised at start for environment variables that are missing or wrong; names each and the accepted form."""


class Environment(Env):
    """environs over a given mapping; mistakes are collected until `check`, and read as None before it.

    A variable that is set to nothing, as `docker compose` does, counts as not set.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        super().__init__(eager=False)
        self._given = env

    def seconds(self, variable: str, default: float) -> float:
        """A positive duration."""
        return self.float(variable, default, validate=_is_duration)

    def check(self) -> None:
        """Raise one SettingError for all that is wrong."""
        try:
            self.seal()
        except EnvValidationError as error:
            mistakes = cast("Mapping[str, list[str]]", error.error_messages)
            lines = [f"{name}: {' '.join(map(str, problems))}" for name, problems in mistakes.items()]
            raise SettingError("\n".join(lines)) from error

    def _get_value(self, env_key: str, default: Any) -> Any:
        return self._given.get(env_key) or default


def between(low: float, high: float) -> Callable[[float], None]:
    """A validator for numbers within bounds."""

    def check(value: float) -> None:
        if not low <= value <= high:
            raise ValidationError(f"Must be a number from {low:.15g} to {high:.15g}.")

    return check


def _is_duration(value: float) -> None:
    if not 0 < value < float("inf"):
        raise ValidationError("Must be a positive number of seconds, such as 10 or 0.5.")
