"""A file that is changed in whole commits, however the process ends and however full the disk is.

HDF5 writes a frame in some ten pieces: data, indices, sizes. If the process is killed between two
of them, or the disk is full, the file may not be readable any more, earlier frames included. So
HDF5 is given this file: it keeps what HDF5 writes in memory until the commit, which then

1. appends what lies beyond the old end of the file, which nothing refers to yet;
2. writes the changes of what was there before to a journal beside it, with a checksum;
3. makes those changes, and empties the journal.

Killed in 1 or 2, the file is as it was after the last commit. Killed in 3, the next opening for
writing makes the changes again from the journal; and before that it can be read as it is, since the
sizes of all data sets, which HDF5 keeps near the beginning, change in one write, the last. A disk
that is full fails 1 or 2, which take space, not 3. All of it is about processes that end: nothing
is forced from the operating system's memory to the disk, so a loss of power may still cost frames.

A new file is begun under another name, and has its own from its first commit. An old one is not
lost before; and who still reads it in this process does not spoil the new one for others: HDF5
knows files by their inode, and shares what it has read of one.
"""

import contextlib
import errno
import io
import os
import struct
import zlib
from pathlib import Path

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None

#: What is this near the beginning of the file changes in one write.
_NEAR = 1 << 16
_HEAD = struct.Struct("<QQ")  # length and checksum of what follows; offset and length of a change


class JournaledFile(io.RawIOBase):
    """A file object for ``h5py.File``; nothing is on disk before `commit`.

    Parameters
    ----------
    path : str or Path
    mode : {"w-", "w", "r+"}
        As of ``h5py.File``.

    Raises
    ------
    BlockingIOError
        If another one, of this process or another, has it open.
    OSError
        If it cannot be opened.
    """

    def __init__(self, path, mode):
        self._path = Path(os.path.realpath(path))  # it is not a link that makes way for a new file
        self._journal_path = self._path.with_name(self._path.name + ".journal")
        self._begun_path = None
        self._opened = False
        with contextlib.ExitStack() as opened:
            # First, since who had the lock may have put another file in the place of this one.
            self._journal = opened.enter_context(_open_locked(self._path, self._journal_path))
            opened.callback(self._leave_nothing)
            self._file = opened.enter_context(self._open_file(mode))
            if mode == "r+":
                self._recover()
            self._journal.truncate(0)
            opened.pop_all()
        self._opened = True
        self._committed = self._size = os.fstat(self._file.fileno()).st_size
        self._changes, self._position, self._broken = [], 0, False

    def seek(self, offset, whence=os.SEEK_SET):
        """See `io.IOBase.seek`."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = start + offset
        return self._position

    def tell(self):
        """See `io.IOBase.tell`."""
        return self._position

    def readinto(self, buffer):
        """See `io.RawIOBase.readinto`; what is not committed yet is read, too."""
        start, count = self._position, min(len(buffer), max(0, self._size - self._position))
        self._file.seek(start)
        found = bytearray(self._file.read(count).ljust(count, b"\0"))
        for offset, data in self._changes:
            first, last = max(offset, start), min(offset + len(data), start + count)
            if first < last:
                found[first - start : last - start] = data[first - offset : last - offset]
        buffer[:count] = found
        self._position += count
        return count

    def write(self, data):
        """Keep `data` for the next commit."""
        data = bytes(data)
        self._changes.append((self._position, data))
        self._position += len(data)
        self._size = max(self._size, self._position)
        return len(data)

    def truncate(self, size=None):
        """See `io.IOBase.truncate`."""
        self._size = self._position if size is None else size
        return self._size

    def commit(self):
        """Bring all that was written to the file, or nothing.

        Raises
        ------
        OSError
            If it cannot be written. The file is then as it was after the last commit, and stays so:
            what is written later is forgotten.
        """
        if self._broken:
            return
        old, new = self._committed, []
        inside = []
        for offset, data in self._changes:
            split = max(0, min(len(data), old - offset))
            if split:
                inside.append((offset, data[:split]))
            if split < len(data):
                new.append((offset + split, data[split:]))
        try:
            self._apply(new)
            self._write_journal(inside)
        except OSError as error:
            self._broken = True
            with contextlib.suppress(OSError):
                self._journal.truncate(0)
                self._file.truncate(old)
            raise OSError(error.errno, error.strerror, str(self._path)) from error
        self._apply([change for change in inside if change[0] >= _NEAR])
        self._apply(self._as_one([change for change in inside if change[0] < _NEAR]))
        self._file.truncate(self._size)
        self._journal.truncate(0)
        self._committed, self._changes = self._size, []
        if self._begun_path is not None:
            os.replace(self._begun_path, self._path)
            self._begun_path = None

    def give_up(self):
        """Forget what was not committed, and what is written from now on."""
        self._broken = True

    def close(self):
        """Close the file; what was not committed is lost."""
        if self._opened:
            self._opened = False
            self._file.close()
            self._journal.truncate(0)
            self._leave_nothing()
            self._journal.close()
        super().close()

    def _open_file(self, mode):
        if mode == "r+":
            return _open(self._path)
        if mode == "w-" and self._path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(self._path))
        # The old one is made whole, since its journal goes; and refuses if it is protected.
        with contextlib.suppress(FileNotFoundError), _open(self._path) as self._file:
            self._recover()
        self._begun_path = self._path.with_name(self._path.name + ".new")
        return _open(self._begun_path, os.O_CREAT | os.O_TRUNC)

    def _leave_nothing(self):
        """Delete what was begun and never committed, and a journal with nothing in it."""
        if self._begun_path is not None:
            self._begun_path.unlink(missing_ok=True)
        if not os.fstat(self._journal.fileno()).st_size:
            self._journal_path.unlink(missing_ok=True)

    def _apply(self, changes):
        for offset, data in changes:
            self._file.seek(offset)
            _write_all(self._file, data)

    def _as_one(self, changes):
        if not changes:
            return []
        start = min(offset for offset, _ in changes)
        end = max(offset + len(data) for offset, data in changes)
        self._file.seek(start)
        whole = bytearray(self._file.read(end - start))
        for offset, data in changes:
            whole[offset - start : offset - start + len(data)] = data
        return [(start, bytes(whole))]

    def _write_journal(self, changes):
        text = b"".join(_HEAD.pack(offset, len(data)) + data for offset, data in changes)
        self._journal.seek(0)
        _write_all(self._journal, _HEAD.pack(len(text), zlib.crc32(text)) + text)

    def _recover(self):
        whole = self._journal.read()
        if len(whole) < _HEAD.size:
            return
        length, checksum = _HEAD.unpack_from(whole)
        text = whole[_HEAD.size :]
        if len(text) != length or zlib.crc32(text) != checksum:
            return  # killed while the journal was written: the file had not been touched
        place, changes = 0, []
        while place < length:
            offset, count = _HEAD.unpack_from(text, place)
            place += _HEAD.size
            changes.append((offset, text[place : place + count]))
            place += count
        self._apply(changes)


def _open(path, flags=0):
    return open(os.open(path, os.O_RDWR | flags, 0o666), "r+b", buffering=0)


def _open_locked(path, journal_path):
    """The journal, locked; not the file itself, which may be read while it is written."""
    while True:
        with contextlib.ExitStack() as opened:
            try:
                journal = opened.enter_context(_open(journal_path, os.O_CREAT))
                if fcntl is not None:
                    fcntl.flock(journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BlockingIOError(
                    f"Another reporter, of this process or another, has {path} open: close that "
                    "one, or wait until its run has ended."
                ) from error
            except OSError as error:
                raise OSError(error.errno, error.strerror, str(path)) from error
            # Who had it may have deleted it since it was opened: others would not see the lock.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(journal.fileno()), journal_path.stat()):
                    opened.pop_all()
                    return journal


def _write_all(file, data):
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
