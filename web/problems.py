"""What the doors say when they do not do what was asked: RFC 9457, in the caller's language."""

import re
from http import HTTPStatus
from typing import Any, NamedTuple

from starlette.responses import JSONResponse

from events.admission import Rejected
from events.evidence import (
    EvidenceChanged,
    EvidenceKindUnknown,
    EvidenceMissing,
    EvidenceNotKept,
    EvidenceTooLarge,
    EvidenceUnreadable,
)
from models.values import DeadLetterReason
from notifications.wording import Language
from partygrid.errors import Invalid, PartygridError, Refused, Unavailable
from web.languages import sentence

MEDIA_TYPE = "application/problem+json"
#: Seconds after which it is worth asking again when a server is away.
_RETRY_AFTER = 5


class Kind(NamedTuple):
    """What a code means."""

    status: HTTPStatus
    zh: str = ""
    en: str = ""


_S, _R = HTTPStatus, DeadLetterReason

#: Where the sentences are empty, the reason's own are used (`models.reasons`).
KINDS: dict[str, Kind] = {
    _R.MALFORMED: Kind(_S.BAD_REQUEST),
    _R.UNKNOWN_TYPE: Kind(_S.UNPROCESSABLE_ENTITY),
    _R.UNKNOWN_VERSION: Kind(_S.UNPROCESSABLE_ENTITY),
    _R.INVALID_DATA: Kind(_S.UNPROCESSABLE_ENTITY),
    _R.IMPLAUSIBLE_TIME: Kind(_S.UNPROCESSABLE_ENTITY),
    _R.UNKNOWN_PLACE: Kind(_S.UNPROCESSABLE_ENTITY),
    _R.TOO_LARGE: Kind(_S.REQUEST_ENTITY_TOO_LARGE),
    _R.UNSIGNED: Kind(_S.UNAUTHORIZED),
    _R.BAD_SIGNATURE: Kind(_S.UNAUTHORIZED),
    _R.UNKNOWN_KEY: Kind(_S.UNAUTHORIZED),
    _R.OUT_OF_SCOPE: Kind(_S.FORBIDDEN),
    _R.ID_CONFLICT: Kind(_S.CONFLICT),
    "bad_token": Kind(
        _S.UNAUTHORIZED,
        "令牌无效、已过期或已撤销。",
        "The token is unknown, expired or revoked.",
    ),
    "token_needed": Kind(_S.UNAUTHORIZED, "请提供应用的令牌。", "An app's token is needed here."),
    "door_closed": Kind(
        _S.FORBIDDEN, "该令牌没有这项用途。", "The token is not meant for this door."
    ),
    "not_known": Kind(
        _S.NOT_FOUND,
        "没有收到过该应用的这个编号。",
        "No event of this app is known under this id.",
    ),
    "not_found": Kind(_S.NOT_FOUND, "没有这个地址。", "There is nothing at this address."),
    "method_not_allowed": Kind(
        _S.METHOD_NOT_ALLOWED, "这个地址不支持这种操作。", "This address does not do that."
    ),
    "too_slow": Kind(
        _S.REQUEST_TIMEOUT,
        "上传中断或过慢,请重试。",
        "The body did not come in time; try again.",
    ),
    "media_type": Kind(
        _S.UNSUPPORTED_MEDIA_TYPE,
        "不支持这种内容类型。",
        "This media type is not taken here.",
    ),
    "datum": Kind(
        _S.UNPROCESSABLE_ENTITY,
        "签名事件中的坐标须先换算为 CGCS2000 再签名。",
        "Convert the place to CGCS2000 before signing; it cannot be changed afterwards.",
    ),
    "engine_only": Kind(
        _S.FORBIDDEN,
        "这类事件或属性只能由系统产生。",
        "Only the engine makes this type or sets this attribute.",
    ),
    "other_source": Kind(
        _S.FORBIDDEN,
        "来源与令牌所属应用不一致。",
        "The source is not that of the token's app.",
    ),
    "case_not_known": Kind(
        _S.CONFLICT,
        "还没有收到这件事的上报,请等上报办理后再发。",
        "The case is not known here yet; post it again when its report was decided.",
    ),
    "rate_limited": Kind(
        _S.TOO_MANY_REQUESTS, "发送过于频繁,请稍后再试。", "Too many in a minute; come again later."
    ),
    "too_many_failures": Kind(
        _S.TOO_MANY_REQUESTS,
        "从该地址多次验证失败,请稍后再试。",
        "Too much from this address was not proved; come again later.",
    ),
    "busy": Kind(
        _S.SERVICE_UNAVAILABLE,
        "当前请求过多,请稍后用同一编号重试。",
        "Too much is asked at this moment; try again later under the same id.",
    ),
    "identity": Kind(
        _S.UNPROCESSABLE_ENTITY,
        "身份信息的项目或格式不正确。",
        "The identity's fields are not as they should be.",
    ),
    "evidence_missing": Kind(
        _S.NOT_FOUND,
        "没有这份材料,或不是该应用上传的。",
        "There is no such evidence, or another app brought it.",
    ),
    "evidence_unreadable": Kind(
        _S.UNPROCESSABLE_ENTITY,
        "文件已损坏或内容不完整,请重新上传。",
        "The file is damaged or incomplete.",
    ),
    "evidence_kind": Kind(
        _S.UNSUPPORTED_MEDIA_TYPE,
        "这里不接受这种文件。",
        "This kind of file is not taken here.",
    ),
    "unavailable": Kind(
        _S.SERVICE_UNAVAILABLE,
        "系统暂时不可用,请稍后用同一编号重试。",
        "A server is away; try again later under the same id.",
    ),
    "refused": Kind(_S.CONFLICT, "按规定不能办理。", "The rules say no."),
    "fault": Kind(
        _S.INTERNAL_SERVER_ERROR,
        "系统出错,已记录,请联系运维人员。",
        "Something went wrong here; it was recorded.",
    ),
}

_AT = re.compile(r" - at `\$\.?([^`]*)`")
_MISSING = re.compile(r"missing required field `(\w+)`")

#: Which code an error of another room has; the first that fits counts.
_CODES: tuple[tuple[type[PartygridError], str], ...] = (
    (EvidenceTooLarge, _R.TOO_LARGE),
    (EvidenceKindUnknown, "evidence_kind"),
    (EvidenceUnreadable, "evidence_unreadable"),
    (EvidenceMissing, "evidence_missing"),
    (EvidenceChanged, "fault"),
    (EvidenceNotKept, "unavailable"),
    (Unavailable, "unavailable"),
    (Refused, "refused"),
    (Invalid, _R.MALFORMED),
)


class Problem(Exception):
    """Why something was not done."""

    def __init__(
        self, code: str, fault: str = "", *, event_id: str = "", retry_after: int = 0
    ) -> None:
        """Name the code; `fault` is what exactly was wrong, in English, without anybody's words."""
        super().__init__(code)
        self.code, self.fault, self.event_id = str(code), fault, event_id
        self.status = KINDS[code].status
        self.retry_after = retry_after
        if self.status is HTTPStatus.SERVICE_UNAVAILABLE:
            self.retry_after = retry_after or _RETRY_AFTER

    @classmethod
    def of(cls, rejected: Rejected) -> "Problem":
        """Return the problem for what the engine would dead-letter."""
        return cls(rejected.reason, rejected.detail, event_id=rejected.event_id)

    @classmethod
    def of_error(cls, error: PartygridError) -> "Problem":
        """Return the problem for an error of another room; its own message stays inside."""
        return cls(next(code for kind, code in _CODES if isinstance(error, kind)))

    @property
    def at(self) -> str:
        """Where in the data it is wrong, as `place.lon`; empty where that is not known."""
        if self.code != _R.INVALID_DATA:
            return ""
        where, missing = _AT.search(self.fault), _MISSING.search(self.fault)
        parts = [where.group(1) if where else "", missing.group(1) if missing else ""]
        return ".".join(part for part in parts if part)

    def told(self, language: Language) -> dict[str, Any]:
        """Return the problem as it is sent."""
        kind = KINDS[self.code]
        own = kind.zh if language is Language.ZH else kind.en
        every = {
            "type": f"urn:partygrid:problem:{self.code}",
            "title": own or sentence(self.code, language),
            "status": int(self.status),
            "code": self.code,
            "at": self.at,
            "detail": self.fault,
            "id": self.event_id,
        }
        return {name: value for name, value in every.items() if value != ""}

    def response(self, language: Language, *, closing: bool = False) -> JSONResponse:
        """Return the whole answer; a `closing` one is the last on its connection."""
        headers = {"Content-Language": str(language)}
        if self.retry_after:
            headers["Retry-After"] = str(self.retry_after)
        if self.status is HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = "Bearer"
        unread = (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.REQUEST_TIMEOUT)
        if closing or self.status in unread:
            # The rest of the body is not read, so nothing more can be said on this connection.
            headers["Connection"] = "close"
        return JSONResponse(
            self.told(language), int(self.status), headers=headers, media_type=MEDIA_TYPE
        )
