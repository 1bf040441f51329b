"""Notices and rules that the tests of notifications share."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from threading import Lock
from types import MappingProxyType
from uuid import NAMESPACE_URL, uuid5

from models.policy.reach import NoticeRules, QuietHours
from models.values import CaseId, PersonId
from notifications.channels import Outcome, Rendered, Sent
from notifications.daily import DailyDigest, Figure, SealFoot, digest_param
from notifications.notice import KIND_PARAMS, Notice, NoticeKind, Person, Recipient, Urgency
from notifications.render import Letterhead

#: Monday noon in Shanghai: nobody is asleep.
NOON = datetime(2026, 3, 9, 4, 0, tzinfo=UTC)
#: Half past one at night in Shanghai, the Tuesday after.
NIGHT = datetime(2026, 3, 9, 17, 30, tzinfo=UTC)
CASE = CaseId("7b0f4b1e-6b0a-5c55-9d3c-0d8f5e1f2a33")
NUMBER = "330281101201001-20260309-0007"
LETTERHEAD = Letterhead(
    sender="青山镇综治中心",
    case_url="https://grid.example/cases/",
    evaluation_url="https://grid.example/e/",
)

RULES = NoticeRules(
    quiet=QuietHours(start=time(22), end=time(7)),
    urgent_kinds=frozenset({"emergency_alert"}),
    repeat_after=timedelta(hours=4),
    bundle_from=3,
    bundle_window=timedelta(minutes=30),
    channels=("inbox", "chat", "sms", "mail"),
    attempts=3,
    backoff=timedelta(seconds=30),
    stale_after=timedelta(days=7),
)

DIGEST = DailyDigest(
    township="青山镇",
    day="2026-03-09",
    metrics={
        "new": Figure(value=12),
        "on_time": Figure(
            value=0.92,
            numerator=23,
            denominator=25,
            unit="share",
            name={"zh": "按期结案率", "en": "Closed on time"},
        ),
        "satisfied": Figure(value=None, numerator=0, denominator=0, unit="share"),
    },
    seal=SealFoot(
        sequence=4711,
        foot="封印 #4711 4f3a 91bc 07de 22a1 c0de",
        sealed_at="2026-03-09T03:59:00+00:00",
    ),
)

#: A plausible value for every param that any kind names.
PARAMS: dict[str, str | int] = {
    "body": "村民代表会议",
    "category": "垃圾堆放",
    "count": 3,
    "digest": digest_param(DIGEST),
    "due_at": "2026-03-11T10:00:00+00:00",
    "event_type": "grid.report.filed",
    "form": "phone",
    "hotline": "119",
    "item": "修缮排水沟",
    "level": "吹哨办",
    "link_code": "Ab3dE5gH7jK9",
    "measure": "书面提醒",
    "meeting_at": "2026-03-20T01:00:00+00:00",
    "old_due_at": "2026-03-10T10:00:00+00:00",
    "other_number": "330281101201001-20260308-0003",
    "outcome": "agreed",
    "part": "lead",
    "place": "李家村第三网格",
    "reason": "不属本单位职责",
    "rung": "超期一级",
    "since_at": "2026-03-08T10:00:00+00:00",
    "stage": "check",
    "supervision": "timeout",
    "title": "秋季宅基地摸底",
    "topic": "grid.reports",
    "unit": "县生态环境局",
    "until_at": "2026-03-18T10:00:00+00:00",
    "venue": "村委会二楼会议室",
    "whistle": "HARD",
}


def notice(
    kind: NoticeKind = NoticeKind.CHECK_REQUESTED,
    recipient: Recipient | None = None,
    *,
    urgency: Urgency = Urgency.NORMAL,
    discreet: bool = False,
    dedup_key: str = "",
    params: Mapping[str, str | int] = MappingProxyType({}),
) -> Notice:
    """Return a notice of the kind with all its params, some of them replaced by `params`."""
    wanted = {name: PARAMS[name] for name in KIND_PARAMS[kind]}
    return Notice(
        kind=kind,
        recipient=recipient or Person(PersonId("p-1")),
        dedup_key=f"{kind}|{dedup_key}",
        case_id=CASE,
        case_number=NUMBER,
        urgency=urgency,
        discreet=discreet,
        params={**wanted, **params},
    )


def numbered(n: int) -> str:
    """Return the same journal entry id for the same number."""
    return str(uuid5(NAMESPACE_URL, str(n)))


class ScriptedChannel:
    """Answers from a script, then takes everything; remembers what it was given."""

    def __init__(self, *answers: Outcome) -> None:
        self._answers: Iterator[Outcome] = iter(answers)
        self._lock = Lock()
        self.taken: list[tuple[str, Rendered, str]] = []

    def send(self, address: str, rendered: Rendered, *, key: str) -> Outcome:
        with self._lock:
            self.taken.append((address, rendered, key))
            return next(self._answers, Sent("ref"))

    @property
    def subjects(self) -> Sequence[str]:
        return [rendered.subject for _, rendered, _ in self.taken]

    @property
    def keys(self) -> Sequence[str]:
        return [key for _, _, key in self.taken]
