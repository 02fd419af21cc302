"""Reads the address of a storage."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import fsspec  # type: ignore[import-untyped]
from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]
from fsspec.implementations.memory import MemoryFileSystem  # type: ignore[import-untyped]

from storage.aside import KeepRunning, running_loop
from storage.errors import StorageMisplaced

FORMS = "file:///FOLDER, s3://BUCKET/PREFIX or memory://NAME"


_SCHEMES = frozenset({"file", "s3", "memory"})


@dataclass(frozen=True)
class Location:
    """A file system, and the path in it below which everything lies.

    On one that `renames`, what is written becomes visible by its renaming; others show nothing before it is committed.
    """

    system: fsspec.AbstractFileSystem
    root: str

    @property
    def is_local(self) -> bool:
        return isinstance(self.system, LocalFileSystem)

    @property
    def renames(self) -> bool:
        return isinstance(self.system, (LocalFileSystem, MemoryFileSystem))

    def path(self, name: str) -> str:
        """Where *name* lies; raises ValueError for one that leads elsewhere."""
        if not name or any(part in {"", ".", ".."} for part in name.split("/")):
            raise ValueError(f"{name!r} is no name in a storage")
        return f"{self.root}/{name}"


def location_at(url: str, keep_running: KeepRunning | None = None) -> Location:
    """The place that *url* names, which is taken as it stands, without %-decoding. Raises StorageMisplaced."""
    check_url(url)
    scheme, _, rest = url.partition("://")
    root = rest.rstrip("/")
    if scheme == "file":
        return Location(LocalFileSystem(), root)
    if scheme == "memory":
        return Location(MemoryFileSystem(), f"/{root}")
    return Location(_object_store(keep_running), root)


def check_url(url: str) -> None:
    """Raise StorageMisplaced for an address at which no storage can be; connects to nothing."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in _SCHEMES:
        raise StorageMisplaced(f"must look like {FORMS}")
    if scheme == "file":
        _check_folder(rest)
    if scheme == "s3":
        if not rest.split("/", maxsplit=1)[0]:
            raise StorageMisplaced("must name a bucket, such as s3://BUCKET/PREFIX")
        if find_spec("s3fs") is None:
            raise StorageMisplaced("needs the package s3fs: pip install 'frontier[s3]'")


def _check_folder(folder: str) -> None:
    path = Path(folder)
    if not path.is_absolute() or path == Path("/"):
        raise StorageMisplaced("must name a folder by its whole path, such as file:///var/lib/frontier/files")
    existing = next(one for one in (path, *path.parents) if one.exists())
    if not existing.is_dir():
        raise StorageMisplaced(f"{existing} is no folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise StorageMisplaced(f"{existing} cannot be written to")


def _object_store(keep_running: KeepRunning | None) -> fsspec.AbstractFileSystem:
    """The endpoint and the credentials are those of the environment, as AWS names them."""
    loop = None if keep_running is None else running_loop(keep_running)
    return fsspec.get_filesystem_class("s3")(use_listings_cache=False, skip_instance_cache=True, loop=loop)
