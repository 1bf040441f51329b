"""The append-only file of seals: an outside copy, best kept on another machine or medium."""

import os
from contextlib import suppress
from pathlib import Path

from models.seals import NotASeal, Seal, read_seal


class SealFile:
    """One seal a line. What was written is on the disk before `append` returns."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, seal: Seal) -> None:
        """Add a seal. A line that a crash left unfinished is closed first, not overwritten."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o640)
        with os.fdopen(handle, "r+b", buffering=0) as file:
            torn = not _ends_with_newline(file.fileno())
            file.write(b"\n" * torn + seal.to_json() + b"\n")
            os.fsync(file.fileno())

    def lines(self) -> list[bytes]:
        """Return what was written, a seal's JSON each, for `models.verify.OutsideCopy`.

        A crash may have left a line unfinished, and the same seal may stand twice.
        """
        if not self._path.exists():
            return []
        return [line for line in self._path.read_bytes().split(b"\n") if line]

    def last(self) -> Seal | None:
        """Return the seal of the highest number, or None: where appending goes on after a crash."""
        found = None
        for line in self.lines():
            with suppress(NotASeal):
                seal = read_seal(line)
                found = seal if found is None or seal.number > found.number else found
        return found


def _ends_with_newline(handle: int) -> bool:
    size = os.fstat(handle).st_size
    return size == 0 or os.pread(handle, 1, size - 1) == b"\n"
