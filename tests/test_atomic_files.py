"""A name always holds a whole file: the old one or the new one."""

import os
import threading

import pytest

from openmm_stegmn import atomic_files
from openmm_stegmn.atomic_files import atomic_file, locked, write_atomically


def test_new_and_replaced(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError("no space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("there", [True, False])
def test_failure_half_way(tmp_path, error, there):
    path = tmp_path / "file"
    if there:
        path.write_bytes(b"old")
    with pytest.raises(type(error)), atomic_file(path) as file:
        file.write(b"ne")
        raise error
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"old"] * there


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_failure_of_the_disk(tmp_path, monkeypatch, call):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(*arguments):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match="no space"):
        write_atomically(path, b"new")
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"old"]


def test_two_writers_do_not_mix(tmp_path):
    path = tmp_path / "file"
    with atomic_file(path) as first, atomic_file(path) as second:
        first.write(b"first")
        second.write(b"sec")
    assert path.read_bytes() == b"first" and list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_others_may_read_what_the_umask_allows(tmp_path):
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "file", b"new")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(atomic_files.fcntl is None, reason="no locks of files")
def test_one_at_a_time(tmp_path):
    path = tmp_path / "count"
    path.write_text("0")

    def count():
        for _ in range(50):
            with locked(path):
                path.write_text(str(int(path.read_text()) + 1))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() == "200" and list(tmp_path.iterdir()) == [path]
