"""Evidence files, kept under the hash of their content: photos, documents, written statements.

Only kinds that are known by their first bytes are taken. Pictures are drawn anew, so that neither
the place, the device nor anything hidden in the file is kept. Documents are kept as they came:
what their maker wrote into a PDF, and the place inside a photo pasted into one, stays in it.
"""

import hashlib
import os
import re
import struct
from contextlib import suppress
from io import BytesIO
from pathlib import Path

from msgspec import Struct
from PIL import Image, ImageOps

from models.policy.reach import PICTURES, EvidenceKind, EvidenceLimits
from partygrid.errors import Invalid, Unavailable


class Evidence(Struct, frozen=True, kw_only=True):
    """A kept file. `digest` is the hex SHA-256 of what is kept, not of what was sent."""

    digest: str
    kind: EvidenceKind
    size: int


class EvidenceTooLarge(Invalid):
    """文件太大，请缩小后再上传。"""


class EvidenceKindUnknown(Invalid):
    """不接受这种文件。"""


class EvidenceUnreadable(Invalid):
    """文件已损坏或内容不完整，请重新上传。"""


class EvidenceMissing(Invalid):
    """没有这份材料，可能已按保存期限删除。"""


class EvidenceNotKept(Unavailable):
    """暂时无法保存文件，请稍后再试。"""


class EvidenceChanged(Invalid):
    """The file is not what was kept under this hash. Restore it from a backup."""


_DIGEST = re.compile(r"[0-9a-f]{64}")
#: What their decoder calls the kinds of pictures.
_FORMATS = {kind: kind.name for kind in PICTURES}
#: How pictures are drawn anew; loss that nobody sees in a photo of a road or a drain.
_DRAWN: dict[EvidenceKind, dict[str, int]] = {
    EvidenceKind.JPEG: {"quality": 88},
    EvidenceKind.PNG: {},
    EvidenceKind.WEBP: {"quality": 88},
}
#: A broken picture makes the decoders raise all sorts of errors; each means the same.
_FAULTS = (
    *(OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, ArithmeticError),
    struct.error,
)
#: The end of a PDF must stand near its end, or the upload broke off.
_PDF_END_WITHIN = 2048
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class EvidenceStore:
    """A folder of evidence. Two stores on one folder do not disturb each other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, data: bytes, *, limits: EvidenceLimits) -> Evidence:
        """Clean and keep a file; it is on the disk when this returns.

        Raises `EvidenceTooLarge`, `EvidenceKindUnknown` or `EvidenceUnreadable`, and
        `EvidenceNotKept` where the disk does not take it.
        """
        kind = kind_of(data)
        kept = cleaned(data, kind, limits=limits)
        digest = hashlib.sha256(kept).hexdigest()
        path = self._path(digest)
        try:
            if not path.exists():
                _write(path, kept)
        except OSError as fault:
            raise EvidenceNotKept(digest=digest) from fault
        return Evidence(digest=digest, kind=kind, size=len(kept))

    def get(self, digest: str) -> tuple[Evidence, bytes]:
        """Return a kept file. Raises `EvidenceMissing` or `EvidenceChanged`."""
        try:
            data = self._path(digest).read_bytes()
        except FileNotFoundError:
            raise EvidenceMissing(digest=digest) from None
        if hashlib.sha256(data).hexdigest() != digest:
            raise EvidenceChanged(digest=digest)
        return Evidence(digest=digest, kind=kind_of(data), size=len(data)), data

    def remove(self, digest: str) -> None:
        """Erase a file at the end of its time; the audit keeps its hash. Absent is fine."""
        with suppress(EvidenceMissing):
            self._path(digest).unlink(missing_ok=True)

    def _path(self, digest: str) -> Path:
        if not _DIGEST.fullmatch(digest):
            raise EvidenceMissing(digest=digest)
        return self._folder / digest[:2] / digest


def kind_of(data: bytes) -> EvidenceKind:
    """Tell the kind by the first bytes, whatever the sender calls it.

    Raises `EvidenceKindUnknown`.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return EvidenceKind.JPEG
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return EvidenceKind.PNG
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return EvidenceKind.WEBP
    if data.startswith(b"%PDF-"):
        return EvidenceKind.PDF
    with suppress(UnicodeDecodeError):
        if data.strip() and not _CONTROL.search(data.decode()):
            return EvidenceKind.TEXT
    raise EvidenceKindUnknown


def cleaned(data: bytes, kind: EvidenceKind, *, limits: EvidenceLimits) -> bytes:
    """Return what is kept of a file of this kind, if the county takes it."""
    if kind not in limits.kinds:
        raise EvidenceKindUnknown
    is_picture = kind in PICTURES
    if len(data) > (limits.picture_bytes if is_picture else limits.document_bytes):
        raise EvidenceTooLarge
    if is_picture:
        return _drawn_anew(data, kind, limits)
    if kind is EvidenceKind.PDF and b"%%EOF" not in data[-_PDF_END_WITHIN:]:
        raise EvidenceUnreadable
    return data


def _drawn_anew(data: bytes, kind: EvidenceKind, limits: EvidenceLimits) -> bytes:
    try:
        with Image.open(BytesIO(data), formats=[_FORMATS[kind]]) as sent:
            if sent.width * sent.height > limits.picture_pixels:
                raise EvidenceTooLarge
            upright = ImageOps.exif_transpose(sent)
            upright.thumbnail((limits.picture_side, limits.picture_side))
            seen = upright.convert(_mode(upright, kind))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise EvidenceTooLarge from None
    except _FAULTS as fault:
        raise EvidenceUnreadable from fault
    # A new picture has none of the notes that the old one may carry along when saved.
    clean = Image.new(seen.mode, seen.size)
    clean.paste(seen)
    kept = BytesIO()
    clean.save(kept, _FORMATS[kind], **_DRAWN[kind])
    return kept.getvalue()


def _mode(picture: Image.Image, kind: EvidenceKind) -> str:
    if kind is not EvidenceKind.JPEG and picture.has_transparency_data:
        return "RGBA"
    return "L" if picture.mode in ("1", "L") else "RGB"


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        with unfinished.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
