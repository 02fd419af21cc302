"""Where things lie: the user's data folder with the keys and the address of a running system, and the checkout."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import platformdirs

from scripts.processes import is_running

CHECKOUT = Path(__file__).resolve().parent.parent
DATA_DIR_VARIABLE = "FRONTIER_DATA_DIR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What a running `frontier up` tells others.

    Its address, its own pid, those of its children by name, its configuration, and where its programs tell their
    metrics; the last two one that runs since before an update does not tell.
    """

    url: str
    redis_url: str
    pid: int
    children: Mapping[str, int]
    config: str | None = None
    metrics: Mapping[str, str] = field(default_factory=dict)


def data_dir(override: Path | None) -> Path:
    """The folder given, else FRONTIER_DATA_DIR, else the user's own data folder; it may not exist yet."""
    chosen = override or os.environ.get(DATA_DIR_VARIABLE) or platformdirs.user_data_path("frontier")
    return Path(chosen).expanduser().absolute()


def token_file(data_dir: Path) -> Path:
    return data_dir / "token"


def read_token(data_dir: Path) -> str | None:
    """The operator's token; None before the first `frontier up`. Raises PermissionError for another user's."""
    return _read(token_file(data_dir))


def make_token(data_dir: Path) -> str:
    """The operator's token, made once; only the user can read the file."""
    if token := read_token(data_dir):
        return token
    token = secrets.token_urlsafe(32)
    _write(token_file(data_dir), f"{token}\n")
    return token


def secret_key_file(data_dir: Path) -> Path:
    return data_dir / "secret-key"


def read_secret_key(data_dir: Path) -> str | None:
    """The key that seals secrets; None before the first `frontier up`. Raises PermissionError for another user's."""
    return _read(secret_key_file(data_dir))


def make_secret_key(data_dir: Path) -> str:
    """The key that seals secrets, made once; only the user can read the file."""
    if key := read_secret_key(data_dir):
        return key
    from jobs.webhooks.sealing import new_key

    key = new_key()
    _write(secret_key_file(data_dir), f"{key}\n")
    return key


def flower_password_file(data_dir: Path) -> Path:
    return data_dir / "flower-password"


def make_flower_password(data_dir: Path) -> str:
    """With what Flower is looked at, made once; only the user can read the file."""
    file = flower_password_file(data_dir)
    if password := _read(file):
        return password
    password = secrets.token_urlsafe(24)
    _write(file, f"{password}\n")
    return password


def probe_file(data_dir: Path, program: str) -> Path:
    """Where a program of a deployment says how it is."""
    return data_dir / "probes" / program.replace("/", "_")


def running_file(data_dir: Path) -> Path:
    return data_dir / "up.json"


def read_running(data_dir: Path) -> Running | None:
    """The system that runs with this folder, or None; what a killed one has left behind does not count."""
    try:
        running = Running(**json.loads(running_file(data_dir).read_text(encoding="utf-8")))
        return running if is_running(running.pid) else None
    except (OSError, ValueError, TypeError):
        return None


def write_running(data_dir: Path, running: Running) -> None:
    _write(running_file(data_dir), json.dumps(asdict(running), indent=2) + "\n")


def read_address(data_dir: Path) -> str | None:
    """The URL of the API that runs with this folder, or None."""
    running = read_running(data_dir)
    return running.url if running else None


def _read(file: Path) -> str | None:
    try:
        return file.read_text(encoding="ascii").strip() or None
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, UnicodeDecodeError):
        return None


def _write(file: Path, text: str) -> None:
    """Replace *file* in one step; nobody but the user may read it."""
    new = file.with_name(f".{file.name}.{os.getpid()}")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)
    new.replace(file)
