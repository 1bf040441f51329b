"""The audit as a folder of files that can be verified anywhere, without the database.

`records.jsonl` one record a line, `seals.jsonl` one seal a line, `cases.jsonl` the head of every
case, `manifest.json` the rest. `python -m models.audit_export <folder>` verifies one.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from models.audit_chain import AuditRecord, ChainHead
from models.audit_lines import Damaged, line_of, read_lines
from models.canonical import canonical_struct
from models.findings import Finding, FindingKind, Report
from models.keys import PublicKey
from models.seal_walk import OutsideCopy
from models.verify import verify
from partygrid.errors import Invalid, Refused

_FORMAT = 1


class NotAnExport(Invalid):
    """The folder holds no complete export of an audit."""


class ExportExists(Refused):
    """An export lies in this folder already. Choose another folder."""


class _Head(Struct, frozen=True, kw_only=True):
    seq: int
    hash: str


class _CaseHead(Struct, frozen=True, kw_only=True):
    case_id: str
    seq: int
    hash: str


class Manifest(Struct, frozen=True, kw_only=True):
    """What the export holds. Keys are PEM."""

    format: int
    made_at: datetime
    records: int
    heads: dict[str, _Head]
    #: where shards begin, if older records were put away; None: at their first record
    start: dict[str, _Head] | None
    keys: tuple[str, ...]


def export(
    folder: Path,
    records: Iterable[AuditRecord],
    *,
    seals: Iterable[bytes | str],
    heads: Mapping[int, ChainHead],
    case_heads: Iterable[tuple[str, ChainHead]],
    keys: Iterable[PublicKey],
    now: datetime,
    start: Mapping[int, ChainHead] | None = None,
) -> Manifest:
    """Write everything to a folder; all of it from one snapshot, in order, as for `verify`.

    The manifest is written last: without it the export is not complete. Raises `ExportExists`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise ExportExists(folder=folder)
    count = _write(folder / "records.jsonl", map(line_of, records))
    _write(folder / "seals.jsonl", map(_bytes, seals))
    _write(folder / "cases.jsonl", map(_case_line, case_heads))
    manifest = Manifest(
        format=_FORMAT,
        made_at=now.astimezone(UTC),
        records=count,
        heads=_written(heads),
        start=None if start is None else _written(start),
        keys=tuple(key.pem() for key in keys),
    )
    (folder / "manifest.json").write_bytes(canonical_struct(manifest) + b"\n")
    return manifest


def _write(path: Path, lines: Iterable[bytes]) -> int:
    count = 0
    with path.open("wb") as file:
        for line in lines:
            count += 1
            file.write(line + b"\n")
    return count


def _bytes(text: bytes | str) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _case_line(head: tuple[str, ChainHead]) -> bytes:
    case_id, last = head
    return canonical_struct(_CaseHead(case_id=case_id, seq=last.seq, hash=last.hash.hex()))


def _written(heads: Mapping[int, ChainHead]) -> dict[str, _Head]:
    return {str(shard): _Head(seq=head.seq, hash=head.hash.hex()) for shard, head in heads.items()}


def _read(heads: Mapping[str, _Head]) -> dict[int, ChainHead]:
    try:
        return {
            int(shard): ChainHead(head.seq, bytes.fromhex(head.hash))
            for shard, head in heads.items()
        }
    except ValueError as error:
        raise NotAnExport(f"manifest.json names a head that is none ({error})") from None


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest. Raises `NotAnExport`."""
    try:
        manifest = msgspec.json.decode((folder / "manifest.json").read_bytes(), type=Manifest)
    except (OSError, ValueError) as error:
        raise NotAnExport(f"{folder}: {NotAnExport.__doc__} ({error})", folder=folder) from None
    if manifest.format != _FORMAT:
        raise NotAnExport(f"{folder}: format {manifest.format} is not known", folder=folder)
    return manifest


def records_in(folder: Path) -> Iterator[AuditRecord | Damaged]:
    """Yield the records of an export, one by one."""
    return read_lines(_lines(folder / "records.jsonl"))


def verify_export(
    folder: Path,
    *,
    keys: Mapping[str, PublicKey] | None = None,
    copies: Iterable[OutsideCopy] = (),
) -> Report:
    """Verify an export. Without `keys` those in it are taken, which the report notes.

    Raises `NotAnExport` where the folder cannot be read as one.
    """
    manifest = read_manifest(folder)
    report = verify(
        records_in(folder),
        keys=_keys(manifest) if keys is None else keys,
        seals=_lines(folder / "seals.jsonl"),
        copies=copies,
        heads=_read(manifest.heads),
        case_heads=dict(_case_heads(folder)),
        start=None if manifest.start is None else _read(manifest.start),
    )
    if keys is not None or not manifest.keys:
        return report
    ids = ", ".join(_keys(manifest))
    note = Finding(
        kind=FindingKind.KEYS_UNCONFIRMED,
        explanation=f"the keys came with the export; compare their ids with trusted ones: {ids}",
    )
    return msgspec.structs.replace(report, findings=(*report.findings, note))


def _keys(manifest: Manifest) -> dict[str, PublicKey]:
    keys = map(PublicKey.from_pem, manifest.keys)
    return {key.key_id: key for key in keys}


def _case_heads(folder: Path) -> Iterator[tuple[str, ChainHead]]:
    for line in _lines(folder / "cases.jsonl"):
        try:
            head = msgspec.json.decode(line, type=_CaseHead)
            yield head.case_id, ChainHead(head.seq, bytes.fromhex(head.hash))
        except ValueError as error:
            raise NotAnExport(f"{folder}: cases.jsonl cannot be read ({error})") from None


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from (line for line in map(bytes.strip, file) if line)
    except FileNotFoundError as error:
        raise NotAnExport(f"{path}: {NotAnExport.__doc__}", path=path) from error


def main(arguments: list[str]) -> int:
    """Verify the folder named; return 0 where it is sound, 1 where it was tampered with."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m models.audit_export <folder of an export>\n")
        return 2
    try:
        report = verify_export(Path(arguments[0]))
    except Invalid as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{report}\n")
    return 0 if report.is_sound else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
