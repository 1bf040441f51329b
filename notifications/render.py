"""A notice in words: subject, text, HTML and SMS, in Chinese or English."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, select_autoescape
from msgspec import Struct, structs

from notifications import daily
from notifications.channels import Rendered
from notifications.notice import KIND_PARAMS, Notice, NoticeKind, Reporter, Urgency
from notifications.wording import TEMPLATES, Language, labels, moment, word

#: Characters of an SMS, the gateway's signature not counted: two parts of a long message.
SMS_LIMIT: Mapping[Language, int] = {Language.ZH: 125, Language.EN: 295}

# A name longer than this is cut in an SMS, so that what to do and until when always fits.
_SMS_NAME = 16
_DISCREET_FACTS = frozenset({"case_number", "due_at"})
_NEVER_CUT = frozenset({"other_number", "link_code", "hotline", "day"})

Value = str | int | bool | None | Sequence[object] | Mapping[str, object]


class Letterhead(Struct, frozen=True, kw_only=True):
    """What an installation puts around every notice.

    `sender` is the name in the foot. The case's id is appended to `case_url`, the param
    `link_code` to `evaluation_url`; an empty one prints no link. `folder` holds a county's own
    templates, laid out as here, that go before these.
    """

    sender: str
    case_url: str = ""
    evaluation_url: str = ""
    folder: Path | None = None


def render(
    notice: Notice, language: Language, *, letterhead: Letterhead, variant: str = ""
) -> Rendered:
    """Put a notice into words.

    A `discreet` notice says only that there is news, for whatever channel. `variant` names a
    subfolder of the kind whose files go before the kind's own. Raises `jinja2.TemplateError` for
    a county's template that asks for what the kind does not have.
    """
    folder = "discreet" if notice.discreet else str(notice.kind)
    texts = _Texts(letterhead.folder, language, folder, variant)
    long, brief = (_context(notice, language, letterhead, brief=brief) for brief in (False, True))
    return _rendered(texts, str(notice.kind), long=long, brief=brief)


def render_bundle(
    subjects: Sequence[str], language: Language, *, letterhead: Letterhead
) -> Rendered:
    """Put several notices to one addressee into one message that lists their subjects."""
    context: dict[str, Value] = {
        "count": len(subjects),
        "subjects": subjects,
        "sender": letterhead.sender,
        "facts": (),
        "case_link": "",
    }
    brief = {**context, "subjects": [_cut(subject) for subject in subjects]}
    return _rendered(
        _Texts(letterhead.folder, language, "bundle"), "bundle", long=context, brief=brief
    )


class _Texts:
    """The templates of one kind in one language."""

    def __init__(
        self, own: Path | None, language: Language, folder: str, variant: str = ""
    ) -> None:
        self._environment = _environment(own)
        self._folders = [f"{language}/{folder}/{variant}"] if variant else []
        self._folders.append(f"{language}/{folder}")

    def __getitem__(self, form: str) -> Template:
        return self._environment.select_template([f"{at}/{form}" for at in self._folders])


def _rendered(
    texts: _Texts, kind: str, *, long: Mapping[str, Value], brief: Mapping[str, Value]
) -> Rendered:
    subject = _one_line(texts["subject.txt"].render(long))
    return Rendered(
        kind=kind,
        subject=subject,
        text=_airy(texts["body.txt"].render(long, subject=subject)),
        html=texts["body.html"].render(long, subject=subject),
        sms=_one_line(texts["sms.txt"].render(brief)),
    )


@cache
def _environment(own: Path | None) -> Environment:
    return Environment(
        loader=FileSystemLoader([own, TEMPLATES] if own else [TEMPLATES]),
        undefined=StrictUndefined,
        autoescape=select_autoescape(("html",)),
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _context(
    notice: Notice, language: Language, letterhead: Letterhead, *, brief: bool
) -> dict[str, Value]:
    context: dict[str, Value] = {
        name: _read(notice.kind, name, value, language, brief=brief)
        for name, value in notice.params.items()
    }
    context["case_number"] = notice.case_number or ""
    context["urgent"] = notice.urgency is Urgency.URGENT
    context["sender"] = letterhead.sender
    context["case_link"] = _case_link(notice, letterhead)
    if "link_code" in context:
        context["link_url"] = f"{letterhead.evaluation_url}{context['link_code']}"
    if notice.kind is NoticeKind.DIGEST_DAILY:
        context |= _digest(str(notice.params["digest"]), language, brief=brief)
    facts = KIND_PARAMS[notice.kind] | {"case_number"}
    context["facts"] = [
        (label, context[name])
        for name, label in labels(language).items()
        if name in (facts & _DISCREET_FACTS if notice.discreet else facts) and context[name]
    ]
    return context


def _read(kind: str, name: str, value: str | int, language: Language, *, brief: bool) -> str | int:
    if isinstance(value, int):
        return value
    if name.endswith("_at"):
        return moment(value, language, brief=brief)
    called = word(language, kind, name, value)
    return _cut(called) if brief and name not in _NEVER_CUT else called


def _case_link(notice: Notice, letterhead: Letterhead) -> str:
    """Link to the county's own pages, where reporters have no account."""
    inside = notice.case_id is not None and not isinstance(notice.recipient, Reporter)
    return f"{letterhead.case_url}{notice.case_id}" if inside and letterhead.case_url else ""


def _digest(param: str, language: Language, *, brief: bool) -> dict[str, Value]:
    digest = daily.read_digest(param)
    return {
        "township": _cut(digest.township) if brief else digest.township,
        "day": digest.day,
        "rows": [
            {
                "name": figure.name.get(language)
                or word(language, NoticeKind.DIGEST_DAILY, "metric", key),
                "shown": daily.shown(figure),
                "parts": daily.parts(figure),
            }
            for key, figure in digest.metrics.items()
        ],
        "seal": _seal(digest.seal, language) if digest.seal else None,
    }


def _seal(seal: daily.SealFoot, language: Language) -> dict[str, object]:
    return {**structs.asdict(seal), "sealed_at": moment(seal.sealed_at, language)}


def _cut(name: str) -> str:
    return name if len(name) <= _SMS_NAME else name[: _SMS_NAME - 1] + "…"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _airy(text: str) -> str:
    """Leave one empty line at most: optional blocks of a layout leave more behind."""
    lines: list[str] = []
    for line in text.strip().splitlines():
        if line.strip() or (lines and lines[-1]):
            lines.append(line.rstrip())
    return "\n".join(lines) + "\n"
