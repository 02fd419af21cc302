"""What `frontier doctor` looks at before anything runs: Python, packages, disk, token, configuration, weights."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from jobs.environment import SettingError
from jobs.webhooks.sealing import VARIABLE as SECRET_KEY_VARIABLE
from jobs.webhooks.sealing import Sealer
from models.catalog import Catalog, CatalogError, config_file
from models.weights import ModelUnavailable, check_folder
from scripts.address import TOKEN_VARIABLE
from scripts.finding import Finding, Level
from scripts.paths import read_secret_key, read_token, secret_key_file, token_file

OLDEST_PYTHON = (3, 11)
TIGHT_BYTES = 2**30
FULL_BYTES = 2**27
INSTALL_MODELS = "make setup, or pip install 'frontier[inference]'"


def check_python() -> Finding:
    words = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info < OLDEST_PYTHON:
        return Finding("python", Level.BAD, words, "Use Python 3.11 or newer.")
    return Finding("python", Level.OK, words)


def check_packages() -> Iterator[Finding]:
    """The packages that only workers need; importing torch is the one sure way to learn of its GPU."""
    for package in ("torch", "transformers"):
        try:
            words = version(package)
        except PackageNotFoundError:
            yield Finding(
                package,
                Level.WARN,
                "not installed: no model can be loaded here",
                INSTALL_MODELS,
            )
            continue
        yield _torch(words) if package == "torch" else Finding(package, Level.OK, words)


def _torch(number: str) -> Finding:
    try:
        import torch
    except (ImportError, OSError) as error:
        return Finding("torch", Level.BAD, f"{number} cannot be imported: {error}", "Remove .venv and run make setup.")
    if torch.cuda.is_available():
        return Finding("torch", Level.OK, f"{number} on {torch.cuda.get_device_name()}")
    if shutil.which("nvidia-smi"):
        advice = "Remove .venv and run make setup TORCH=cuda; check the driver with nvidia-smi."
        return Finding("torch", Level.WARN, f"{number} does not see the GPU of this machine", advice)
    return Finding("torch", Level.OK, f"{number} on the CPU")


def check_folder_and_disk(data_dir: Path) -> Finding:
    """The data folder, or where it would be made."""
    existing = next(path for path in (data_dir, *data_dir.parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        advice = "Choose another folder with --data-dir or FRONTIER_DATA_DIR."
        return Finding("data folder", Level.BAD, f"{data_dir}: {existing} cannot be written to", advice)
    free = shutil.disk_usage(existing).free
    words = f"{data_dir} ({free / 2**30:.1f} GiB free)"
    if free < TIGHT_BYTES:
        level = Level.BAD if free < FULL_BYTES else Level.WARN
        return Finding("data folder", level, words, "Free some space: jobs and results are kept there.")
    return Finding("data folder", Level.OK, words)


def check_token(data_dir: Path, env: Mapping[str, str]) -> Finding:
    if env.get(TOKEN_VARIABLE):
        return Finding("token", Level.OK, f"given by {TOKEN_VARIABLE}")
    file = token_file(data_dir)
    try:
        token = read_token(data_dir)
    except (OSError, ValueError) as error:
        return Finding("token", Level.BAD, f"{file} cannot be read: {error}", "Remove it: `frontier up` makes another.")
    if token is None:
        return Finding("token", Level.OK, "none yet: `frontier up` makes one")
    if file.stat().st_mode & 0o077:
        return Finding("token", Level.WARN, f"{file} can be read by other users", f"chmod 600 {file}")
    return Finding("token", Level.OK, str(file))


def check_secret_key(data_dir: Path, env: Mapping[str, str]) -> Finding:
    """The key that the secrets of webhooks are sealed with."""
    if env.get(SECRET_KEY_VARIABLE):
        try:
            Sealer.from_env(env)
        except SettingError as error:
            return Finding("secret key", Level.BAD, str(error))
        return Finding("secret key", Level.OK, f"given by {SECRET_KEY_VARIABLE}")
    file = secret_key_file(data_dir)
    try:
        key = read_secret_key(data_dir)
    except OSError as error:
        return Finding("secret key", Level.BAD, f"{file} cannot be read: {error}", "Make it yours: it is still needed.")
    if key is None:
        return Finding("secret key", Level.OK, "none yet: `frontier up` makes one")
    if file.stat().st_mode & 0o077:
        return Finding("secret key", Level.WARN, f"{file} can be read by other users", f"chmod 600 {file}")
    return Finding("secret key", Level.OK, str(file))


def check_models(env: Mapping[str, str]) -> Iterator[Finding]:
    """The configuration, and the weights of each model in it that has any to load."""
    file = config_file(env)
    try:
        catalog = Catalog.load(file)
    except CatalogError as error:
        yield Finding("configuration", Level.BAD, str(error), "Correct it, or name another file in TRUTHGPT_CONFIG.")
        return
    yield Finding("configuration", Level.OK, str(file))
    for name, model in catalog.models.items():
        if model.upstream is not None:
            continue
        if model.path is None:
            words = (
                f"{model.hub} from the hub, at its first start" if model.hub else f"{model.engine}, needs no weights"
            )
            yield Finding(f"model {name}", Level.OK, words)
            continue
        try:
            check_folder(model, model.path)
        except ModelUnavailable as error:
            words, _, advice = str(error).removeprefix(f"model {name}: ").partition(". ")
            yield Finding(f"model {name}", Level.BAD, words, advice)
        else:
            yield Finding(f"model {name}", Level.OK, str(model.path))
