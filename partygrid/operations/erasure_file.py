"""Erasures at somebody's word, noted outside the database: a restore brings back what they took.

A line says when, what kind, which case or pseudonym and at whose word; never what was erased.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from msgspec import Struct

from models.erasures import ErasureKind
from partygrid.operations.erasure import NothingToErase, erase_identity, erase_words
from partygrid.settings import Settings

Connection = psycopg.Connection[Any]


class Noted(Struct, frozen=True, kw_only=True):
    """One erasure that somebody asked for."""

    at: datetime
    kind: ErasureKind
    subject: str
    by: str


def erasure_file(settings: Settings) -> Path:
    """Return the file; keep a copy of it where the database's backups are not."""
    return settings.home / "erasures.jsonl"


def note(path: Path, noted: Noted) -> None:
    """Append one erasure; it is on the disk before this returns."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(msgspec.json.encode(noted) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def noted_since(path: Path, since: datetime) -> Iterator[Noted]:
    """Yield what was erased after `since`; a line that a crash left unfinished is passed over."""
    lines = path.read_bytes().splitlines() if path.exists() else []
    for line in lines:
        with suppress(msgspec.DecodeError):
            noted = msgspec.json.decode(line, type=Noted)
            if noted.at > since:
                yield noted


def erase_again(connection: Connection, path: Path, *, since: datetime, now: datetime) -> int:
    """Erase again what a backup of `since` brought back; returns how many of them there were."""
    count = 0
    for noted in noted_since(path, since):
        with suppress(NothingToErase), connection.transaction(), connection.cursor() as cursor:
            if noted.kind is ErasureKind.IDENTITY:
                erase_identity(cursor, reporter_ref=noted.subject, by=noted.by, now=now)
            else:
                erase_words(cursor, subject=noted.subject, by=noted.by, now=now)
            count += 1
    return count
