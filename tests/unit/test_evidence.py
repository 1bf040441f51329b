"""Evidence: known kinds only, nothing hidden kept, whole or not at all."""

import hashlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from events.evidence import (
    EvidenceChanged,
    EvidenceKindUnknown,
    EvidenceMissing,
    EvidenceNotKept,
    EvidenceStore,
    EvidenceTooLarge,
    EvidenceUnreadable,
    cleaned,
    kind_of,
)
from models.policy.reach import EvidenceKind, EvidenceLimits
from partygrid.errors import Invalid

LIMITS = EvidenceLimits(
    kinds=frozenset(EvidenceKind),
    picture_bytes=200_000,
    document_bytes=2_000,
    picture_pixels=500_000,
    picture_side=400,
)
SECRET = b"ZZSECRETPLACEZZ"
PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer<<>>\n%%EOF\n"


def picture(size: tuple[int, int] = (60, 40), mode: str = "RGB") -> Image.Image:
    """Left half red, right half blue: turning it shows."""
    drawn = Image.new("RGB", size, (200, 0, 0))
    drawn.paste((0, 0, 200), (size[0] // 2, 0, *size))
    return drawn.convert(mode)


def exif_with_place(orientation: int = 1) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Make] = SECRET.decode()
    place = exif.get_ifd(ExifTags.IFD.GPSInfo)
    place[ExifTags.GPS.GPSLatitudeRef] = "N"
    place[ExifTags.GPS.GPSLatitude] = (29.0, 30.0, 15.0)
    place[ExifTags.GPS.GPSLongitudeRef] = "E"
    place[ExifTags.GPS.GPSLongitude] = (121.0, 7.0, 30.0)
    return exif


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    out = BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def jpeg(orientation: int = 1, size: tuple[int, int] = (60, 40)) -> bytes:
    return saved(picture(size), "JPEG", exif=exif_with_place(orientation), comment=SECRET)


def png() -> bytes:
    notes = PngInfo()
    notes.add_text("Comment", SECRET.decode())
    return saved(picture(), "PNG", pnginfo=notes, exif=exif_with_place())


PICTURES: dict[str, tuple[EvidenceKind, Callable[[], bytes]]] = {
    "JPEG": (EvidenceKind.JPEG, jpeg),
    "JPEG with XMP": (EvidenceKind.JPEG, lambda: saved(picture(), "JPEG", xmp=SECRET)),
    "JPEG with a profile": (
        EvidenceKind.JPEG,
        lambda: saved(picture(), "JPEG", icc_profile=SECRET),
    ),
    "JPEG with more behind it": (EvidenceKind.JPEG, lambda: jpeg() + SECRET),
    "JPEG with a second picture": (
        EvidenceKind.JPEG,
        lambda: saved(picture(), "MPO", save_all=True, append_images=[picture()], comment=SECRET),
    ),
    "PNG": (EvidenceKind.PNG, png),
    "WEBP": (
        EvidenceKind.WEBP,
        lambda: saved(picture(), "WEBP", exif=exif_with_place(), xmp=SECRET),
    ),
}


@pytest.mark.parametrize(("kind", "make"), PICTURES.values(), ids=PICTURES)
def test_nothing_hidden_in_a_picture_is_kept(kind: EvidenceKind, make: Callable[[], bytes]) -> None:
    sent = make()
    assert SECRET in sent, "the sample must carry what is to be removed"
    kept = cleaned(sent, kind_of(sent), limits=LIMITS)
    assert kind_of(kept) is kind
    assert SECRET not in kept
    assert b"Exif" not in kept
    with Image.open(BytesIO(kept)) as seen:
        assert not seen.getexif()
        assert seen.size == (60, 40)


def test_the_sample_has_a_place_and_the_kept_photo_has_none() -> None:
    with Image.open(BytesIO(jpeg())) as sent:
        assert sent.getexif().get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] == "N"
    with Image.open(BytesIO(cleaned(jpeg(), EvidenceKind.JPEG, limits=LIMITS))) as kept:
        assert not kept.getexif().get_ifd(ExifTags.IFD.GPSInfo)


# Where the red half of the sample is seen, by the orientation written in the file.
RED = {1: (5, 20), 3: (55, 20), 6: (20, 5), 8: (20, 55)}


@pytest.mark.parametrize(("orientation", "red"), RED.items())
def test_photo_stays_the_right_way_up(orientation: int, red: tuple[int, int]) -> None:
    kept = cleaned(jpeg(orientation), EvidenceKind.JPEG, limits=LIMITS)
    with Image.open(BytesIO(kept)) as seen:
        assert seen.size == ((60, 40) if orientation in (1, 3) else (40, 60))
        pixel = seen.convert("RGB").getpixel(red)
    assert isinstance(pixel, tuple)
    assert pixel[0] > 150 > pixel[2]


def test_large_photo_is_made_smaller() -> None:
    kept = cleaned(jpeg(size=(800, 200)), EvidenceKind.JPEG, limits=LIMITS)
    with Image.open(BytesIO(kept)) as seen:
        assert seen.size == (400, 100)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16", "CMYK"])
def test_other_colour_modes_are_read(mode: str) -> None:
    source = Image.new("I;16", (9, 9)) if mode == "I;16" else picture(mode=mode)
    sent = saved(source, "JPEG" if mode == "CMYK" else "PNG")
    kept = cleaned(sent, kind_of(sent), limits=LIMITS)
    with Image.open(BytesIO(kept)) as seen:
        assert seen.mode == {"1": "L", "L": "L", "LA": "RGBA", "RGBA": "RGBA"}.get(mode, "RGB")


@pytest.mark.parametrize(
    ("data", "kind"),
    [(PDF, EvidenceKind.PDF), ("说明".encode(), EvidenceKind.TEXT)],
    ids=["document", "text"],
)
def test_documents_are_kept_as_they_came(data: bytes, kind: EvidenceKind) -> None:
    assert kind_of(data) is kind
    assert cleaned(data, kind, limits=LIMITS) == data


UNKNOWN = {
    "nothing": b"",
    "only spaces": b"  \n",
    "program": b"\x7fELF\x02\x01\x01\x00",
    "archive": b"PK\x03\x04\x14\x00",
    "GIF": saved(picture(), "GIF"),
    "TIFF": saved(picture(), "TIFF"),
    "other text encoding": "说明".encode("gb18030"),
    "text with control characters": b"a\x00b",
}


@pytest.mark.parametrize("data", UNKNOWN.values(), ids=UNKNOWN)
def test_other_kinds_are_refused(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(EvidenceKindUnknown, match="不接受"):
        EvidenceStore(tmp_path).put(data, limits=LIMITS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("data", [jpeg(), PDF], ids=["picture", "document"])
def test_a_county_takes_the_kinds_its_pack_names(data: bytes, tmp_path: Path) -> None:
    texts = LIMITS.model_copy(update={"kinds": frozenset({EvidenceKind.TEXT})})
    with pytest.raises(EvidenceKindUnknown):
        EvidenceStore(tmp_path).put(data, limits=texts)
    assert list(tmp_path.iterdir()) == []
    assert EvidenceStore(tmp_path).put("说明".encode(), limits=texts).kind is EvidenceKind.TEXT


TOO_LARGE = {
    "bytes of a picture": jpeg() + bytes(200_000),
    "points of a picture": jpeg(size=(1_000, 501)),
    "document": PDF + bytes(2_000),
    "text": b"a" * 2_001,
}


@pytest.mark.parametrize("data", TOO_LARGE.values(), ids=TOO_LARGE)
def test_too_large(data: bytes) -> None:
    with pytest.raises(EvidenceTooLarge):
        cleaned(data, kind_of(data), limits=LIMITS)


def test_bomb_is_refused_without_being_unpacked() -> None:
    bomb = saved(Image.new("1", (30_000, 30_000)), "PNG")
    assert len(bomb) < LIMITS.picture_bytes
    with pytest.raises(EvidenceTooLarge):
        cleaned(bomb, EvidenceKind.PNG, limits=LIMITS)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@given(st.sampled_from([jpeg(), png(), PICTURES["WEBP"][1]()]), st.data())
def test_broken_picture_is_refused_or_read(sent: bytes, data: st.DataObject) -> None:
    # The first bytes stay, so that it still passes for a picture.
    broken = bytearray(sent[: data.draw(st.integers(13, len(sent)))])
    places = st.integers(12, len(broken) - 1)
    for place, value in data.draw(st.dictionaries(places, st.integers(0, 255))).items():
        broken[place] = value
    try:
        kept = cleaned(bytes(broken), kind_of(bytes(broken)), limits=LIMITS)
    except Invalid:
        return
    assert SECRET not in kept


@pytest.mark.parametrize("data", [jpeg()[:400], PDF[:-6]], ids=["picture", "document"])
def test_cut_file_is_told(data: bytes) -> None:
    with pytest.raises(EvidenceUnreadable, match="重新上传"):
        cleaned(data, kind_of(data), limits=LIMITS)


def test_kept_under_the_hash_of_what_is_kept(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path)
    put = store.put(jpeg(), limits=LIMITS)
    got, data = store.get(put.digest)
    assert got == put
    assert hashlib.sha256(data).hexdigest() == put.digest
    assert put.size == len(data)
    assert store.put(jpeg(), limits=LIMITS) == put
    assert [entry.name for entry in tmp_path.rglob("*") if entry.is_file()] == [put.digest]


def test_removed_file_is_missing(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path)
    put = store.put(PDF, limits=LIMITS)
    store.remove(put.digest)
    store.remove(put.digest)
    with pytest.raises(EvidenceMissing):
        store.get(put.digest)


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "\n"])
def test_only_hashes_are_names(tmp_path: Path, digest: str) -> None:
    store = EvidenceStore(tmp_path)
    with pytest.raises(EvidenceMissing):
        store.get(digest)
    store.remove(digest)


def test_changed_file_is_not_handed_out(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path)
    put = store.put(PDF, limits=LIMITS)
    next(path for path in tmp_path.rglob("*") if path.is_file()).write_bytes(PDF + b"\n")
    with pytest.raises(EvidenceChanged):
        store.get(put.digest)


def test_disk_that_takes_nothing_leaves_nothing(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(EvidenceNotKept):
        EvidenceStore(blocked).put(PDF, limits=LIMITS)
