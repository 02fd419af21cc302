"""Ports that are taken, and what a user is told about them."""

from __future__ import annotations

import os
import socket

from scripts import ports


def test_a_free_port_can_be_used() -> None:
    assert ports.complaint("127.0.0.1", ports.free_port()) is None


def test_a_taken_port_is_named_with_its_holder_and_the_way_out() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        complaint = ports.complaint("127.0.0.1", port)
    assert complaint is not None
    assert complaint.startswith(f"Port {port} is taken")
    assert "--port" in complaint
    if "process" in complaint:
        assert f"(process {os.getpid()})" in complaint


def test_an_address_of_another_machine_is_refused() -> None:
    assert "not an address of this machine" in str(ports.complaint("192.0.2.1", ports.free_port()))
