"""A disk of its own, which is full from one moment to the next and then has room again."""

import os
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

_SIZE = 2**30


class SmallDisk:
    """Memory mounted as a disk (tmpfs), which only root may do. Use it as a context."""

    def __init__(self, folder: Path) -> None:
        """Mount nothing yet."""
        self.folder = folder

    @staticmethod
    def missing(folder: Path) -> str:
        """Return what keeps a disk from being mounted here; empty where nothing does."""
        try:
            with SmallDisk(folder):
                return ""
        except subprocess.CalledProcessError as fault:
            return f"a small disk cannot be mounted: {fault.stderr.strip()}"

    def __enter__(self) -> Self:
        self.folder.mkdir()
        try:
            self._mount(f"size={_SIZE},mode=755")
        except BaseException:
            self.folder.rmdir()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for one in self.folder.iterdir():
            shutil.rmtree(one) if one.is_dir() else one.unlink()
        subprocess.run(("umount", "--lazy", str(self.folder)), check=True)
        self.folder.rmdir()

    def fill(self) -> None:
        """Make it as small as what lies on it."""
        for _ in range(100):
            now = os.statvfs(self.folder)
            try:
                self._mount(f"remount,size={(now.f_blocks - now.f_bfree) * now.f_frsize}")
            except subprocess.CalledProcessError:
                continue  # meanwhile more lies on it
            return
        raise AssertionError("somebody writes faster than the disk can be filled")

    def free(self) -> None:
        """Make it as large as it was."""
        self._mount(f"remount,size={_SIZE}")

    def _mount(self, options: str) -> None:
        subprocess.run(
            ("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.folder)),
            check=True,
            capture_output=True,
            text=True,
        )
