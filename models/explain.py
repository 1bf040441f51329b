"""A deadline told in a sentence, in Chinese for clerks or in English for operators. Pure."""

from collections import Counter
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from models.calendar import DayNature
from models.calendar_days import HOLIDAY_ENGLISH
from models.deadlines import Deadline
from models.policy.span import Span, SpanKind

Lang = Literal["zh", "en"]

_UNITS = {
    "zh": {"m": "分钟", "h": "小时", "d": "天", "wh": "个工作小时", "wd": "个工作日", "s": "秒"},
    "en": {
        "m": "minutes",
        "h": "hours",
        "d": "days",
        "wh": "working hours",
        "wd": "working days",
        "s": "seconds",
    },
}
_START = {
    "zh": {
        SpanKind.CALENDAR: "连续计算，夜间和节假日不停",
        SpanKind.WORKING_HOURS: "只计上班时间",
        SpanKind.WORKING_DAYS: "从次个工作日起算，到末日下班为止",
    },
    "en": {
        SpanKind.CALENDAR: "running through nights and holidays",
        SpanKind.WORKING_HOURS: "counting office hours only",
        SpanKind.WORKING_DAYS: "from the next workday to the close of the last",
    },
}


def explain(deadline: Deadline, lang: Lang, *, zone: ZoneInfo) -> str:
    """Return how the instant came about: clock, days left out and counted, pauses, versions."""
    parts = _chinese(deadline, zone) if lang == "zh" else _english(deadline, zone)
    return ("；" if lang == "zh" else "; ").join(parts) + ("。" if lang == "zh" else ".")


def tell_span(span: Span, lang: Lang) -> str:
    """Return `5wd` as 5个工作日 or `5 working days`."""
    text = str(span)
    figure = text.rstrip("dhmsw")
    unit = _UNITS[lang][text[len(figure) :]]
    if lang == "zh":
        return figure + unit
    return f"{figure} {unit.removesuffix('s') if figure == '1' else unit}"


def _chinese(deadline: Deadline, zone: ZoneInfo) -> list[str]:
    parts = [
        f"{_minute(deadline.due_at, zone)} 到期：自 {_minute(deadline.start, zone)} 起"
        f"{tell_span(deadline.span, 'zh')}，{_START['zh'][deadline.span.kind]}"
    ]
    if deadline.skipped:
        parts.append("未计入" + "、".join(f"{name}{n}天" for name, n in _left_out(deadline, "zh")))
    if deadline.made_up:
        days = "、".join(f"{day:%m月%d日}" for day in deadline.made_up)
        parts.append(f"调休上班日 {days} 计入")
    parts += [f"延期{tell_span(span, 'zh')}" for span in deadline.extensions]
    parts += [
        f"{_minute(pause.paused_at, zone)} 至 {_minute(pause.resumed_at, zone)} 停止计时"
        for pause in deadline.pauses
    ]
    if deadline.provisional:
        parts.append("涉及尚未公布放假安排的年份，暂按法定节假日推算，公布后重新计算")
    return [*parts, f"日历 {deadline.calendar_version}，规则 {deadline.policy_version or '未注明'}"]


def _english(deadline: Deadline, zone: ZoneInfo) -> list[str]:
    parts = [
        f"Due {_minute(deadline.due_at, zone)}: {tell_span(deadline.span, 'en')} from "
        f"{_minute(deadline.start, zone)}, {_START['en'][deadline.span.kind]}"
    ]
    if deadline.skipped:
        left_out = ", ".join(f"{n} × {name}" for name, n in _left_out(deadline, "en"))
        parts.append(f"days not counted: {left_out}")
    if deadline.made_up:
        days = ", ".join(f"{day:%m-%d}" for day in deadline.made_up)
        parts.append(f"make-up workdays counted: {days}")
    parts += [f"extended by {tell_span(span, 'en')}" for span in deadline.extensions]
    parts += [
        f"stood still from {_minute(pause.paused_at, zone)} to {_minute(pause.resumed_at, zone)}"
        for pause in deadline.pauses
    ]
    if deadline.provisional:
        parts.append("a year without a published calendar is involved; computed again when it is")
    return [
        *parts,
        f"calendar {deadline.calendar_version}, policy {deadline.policy_version or '-'}",
    ]


def _left_out(deadline: Deadline, lang: Lang) -> list[tuple[str, int]]:
    counted = Counter(name for _, name in deadline.skipped)
    return [(_day_name(name, lang), n) for name, n in counted.items()]


def _day_name(name: str, lang: Lang) -> str:
    if name == DayNature.WEEKEND.value:
        return "周末" if lang == "zh" else "weekend day"
    return name if lang == "zh" else HOLIDAY_ENGLISH.get(name, name)


def _minute(instant: datetime, zone: ZoneInfo) -> str:
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M}"
