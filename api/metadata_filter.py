"""`metadata.KEY=VALUE` in the query of a list, for any number of keys."""

from __future__ import annotations

from collections.abc import Mapping

_PREFIX = "metadata."


def metadata_of(query: Mapping[str, str]) -> dict[str, str]:
    """The pairs that are asked for."""
    return {name.removeprefix(_PREFIX): value for name, value in query.items() if name.startswith(_PREFIX)}


def without_metadata(query: Mapping[str, str]) -> dict[str, str]:
    """The rest of the query."""
    return {name: value for name, value in query.items() if not name.startswith(_PREFIX)}
