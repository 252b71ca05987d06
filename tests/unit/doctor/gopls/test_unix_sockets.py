"""Which Unix socket is connected to which."""

import os
import socket
import struct
from pathlib import Path

import pytest

from ebpftrace.doctor.gopls.unix_sockets import parse, socket_inodes, unix_sockets


def inode(one: socket.socket) -> int:
    return os.fstat(one.fileno()).st_ino


def test_a_connection_is_found_from_both_ends(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(str(path))
        server.listen()
        client.connect(str(path))
        accepted, _ = server.accept()
        with accepted:
            found = {each.inode: each for each in unix_sockets()}
            assert found[inode(server)].is_listening
            assert found[inode(server)].name.removesuffix(b"\0") == os.fsencode(path)
            assert found[inode(accepted)].name == found[inode(server)].name
            assert found[inode(accepted)].peer == inode(client)
            assert found[inode(client)].peer == inode(accepted)
            own = set(socket_inodes(os.getpid()))
            assert {inode(each) for each in (server, client, accepted)} <= own


def test_an_ended_process_has_no_sockets(tmp_path: Path) -> None:
    assert list(socket_inodes(1, tmp_path)) == []


def test_an_attribute_of_no_size_ends_the_message() -> None:
    head = struct.pack("=BBBBIQ", 1, 1, 10, 0, 77, 0)
    assert parse(head + struct.pack("=HH", 0, 2) * 4) == (77, True, b"", 0)
    with pytest.raises(struct.error):
        parse(head[:9])
