"""Browsers of the console."""

from __future__ import annotations

import pytest

from api.process import ApiProcess
from tests.api.console.visitor import Visitor


@pytest.fixture
def stranger(process: ApiProcess) -> Visitor:
    """Whoever has not logged in."""
    return Visitor(process)


@pytest.fixture
def visitor(process: ApiProcess) -> Visitor:
    """Who has logged in with the operator's key."""
    found = Visitor(process)
    assert found.log_in().status_code == 303
    return found
