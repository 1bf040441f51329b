"""The append-only file of seals: an outside copy, best kept on another machine or medium."""

import os
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

    def read(self) -> tuple[list[Seal], list[int]]:
        """Return the seals, each once, in the file's order; and the numbers of unreadable lines."""
        if not self._path.exists():
            return [], []
        seals: dict[Seal, None] = {}
        unreadable = []
        for number, line in enumerate(self._path.read_bytes().splitlines(), start=1):
            try:
                seals[read_seal(line)] = None
            except NotASeal:
                unreadable.append(number)
        return list(seals), unreadable

    def last(self) -> Seal | None:
        """Return the seal of the highest number, or None: where appending goes on after a crash."""
        return max(self.read()[0], key=lambda seal: seal.number, default=None)


def _ends_with_newline(handle: int) -> bool:
    size = os.fstat(handle).st_size
    return size == 0 or os.pread(handle, 1, size - 1) == b"\n"
