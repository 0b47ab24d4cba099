"""A name always holds a whole file: the old one or the new one."""

import os

import pytest

from openmm_stegmn.atomic_files import atomic_file, write_atomically


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
