"""What people read."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.contract.consultation import ConsultationOutcome
from events.contract.escalation import UrgeKind
from models.clocks import ClockKind
from models.policy.consultation import Outcome
from models.policy.whistle import WhistleKind
from notifications.notice import KIND_PARAMS, NoticeKind, Reporter, Urgency
from notifications.render import SMS_LIMIT, Letterhead, render, render_bundle
from notifications.wording import Language, word
from tests.notifying import CASE, LETTERHEAD, NUMBER, PARAMS, notice

ZH, EN = Language


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("kind", NoticeKind)
def test_every_kind_speaks(kind: NoticeKind, language: Language) -> None:
    said = render(notice(kind), language, letterhead=LETTERHEAD)
    for form in (said.subject, said.text, said.html, said.sms):
        assert form.strip()
        assert not re.search(r"\{[{%]|[%}]\}|None|Undefined|«|»", form)
    assert "\n" not in said.subject + said.sms
    assert len(said.subject) <= 110
    assert len(said.sms) <= SMS_LIMIT[language]
    assert said.html.startswith("<!DOCTYPE html>")
    assert "\n\n\n" not in said.text


@pytest.mark.parametrize("kind", NoticeKind)
def test_chinese_is_chinese(kind: NoticeKind) -> None:
    said = render(notice(kind), ZH, letterhead=LETTERHEAD)
    sentences = [line for line in said.text.splitlines() if "。" in line]
    assert len(sentences) >= 1
    assert not re.search(r"[\u4e00-\u9fff][,;:?!]", said.text), "half-width punctuation"


@given(
    kind=st.sampled_from(sorted(NoticeKind)),
    language=st.sampled_from(sorted(Language)),
    name=st.text(min_size=1, max_size=200),
)
def test_an_sms_stays_within_its_limit_whatever_names_are_like(
    kind: NoticeKind, language: Language, name: str
) -> None:
    fixed = {"digest", "hotline", "link_code", "other_number"}
    names: dict[str, str | int] = {
        param: name
        for param in KIND_PARAMS[kind] - fixed
        if not param.endswith("_at") and isinstance(PARAMS[param], str)
    }
    said = render(notice(kind, params=names), language, letterhead=LETTERHEAD)
    assert len(said.sms) <= SMS_LIMIT[language]
    assert "\n" not in said.sms + said.subject


def test_a_name_cannot_become_markup() -> None:
    said = render(notice(params={"place": "<script>alert(1)</script>"}), ZH, letterhead=LETTERHEAD)
    assert "<script>" not in said.html
    assert "&lt;script&gt;" in said.html
    assert "<script>" in said.text


@pytest.mark.parametrize(
    ("language", "long", "brief"),
    [
        (ZH, "2026年3月11日（周三）18:00", "3月11日18:00"),
        (EN, "Wed 11 Mar 2026, 18:00", "11 Mar 18:00"),
    ],
)
def test_times_are_local(language: Language, long: str, brief: str) -> None:
    said = render(notice(), language, letterhead=LETTERHEAD)
    assert long in said.text
    assert f"<strong>{long}</strong>" in said.html
    assert brief in said.sms


def test_codes_become_words_and_labels_stay() -> None:
    breached = notice(
        NoticeKind.BREACHED, params={"stage": "whistle_arrive", "unit": "青山镇派出所"}
    )
    said = render(breached, ZH, letterhead=LETTERHEAD)
    assert "应哨到场" in said.text
    assert "青山镇派出所" in said.text
    own = render(
        notice(NoticeKind.BREACHED, params={"stage": "本县自定环节"}), ZH, letterhead=LETTERHEAD
    )
    assert "本县自定环节" in own.text


@pytest.mark.parametrize(
    ("section", "codes"),
    [
        ("stage", ClockKind),
        ("whistle", WhistleKind),
        ("supervision", UrgeKind),
        ("outcome", Outcome),
        ("outcome", ConsultationOutcome),
        ("part", ("lead", "helper")),
        ("form", ("phone", "written")),
    ],
)
def test_every_code_that_decisions_use_has_a_word(section: str, codes: Iterable[str]) -> None:
    kind = NoticeKind.CONSULTATION_CONCLUDED
    for code in codes:
        assert not word(ZH, kind, section, code).isascii()
        assert "_" not in word(EN, kind, section, code)


def test_one_code_may_mean_two_things() -> None:
    said = [
        render(notice(kind, params={"outcome": "rejected"}), ZH, letterhead=LETTERHEAD).text
        for kind in (NoticeKind.CONSULTATION_CONCLUDED, NoticeKind.OBJECTION_ADJUDICATED)
    ]
    assert "未通过" in said[0]
    assert "不成立" in said[1]


def test_the_part_of_a_clock_is_not_shown() -> None:
    late = notice(NoticeKind.BREACHED, params={"stage": "whistle_arrive:330281101"})
    said = render(late, ZH, letterhead=LETTERHEAD)
    assert "应哨到场" in said.sms
    assert ":330281101" not in said.text


def test_a_place_that_is_not_known_yet_leaves_no_hole() -> None:
    unknown = notice(NoticeKind.MEETING_NOTICE, params={"venue": ""})
    said = render(unknown, ZH, letterhead=LETTERHEAD)
    assert "09:00召开" in said.sms
    assert "会议地点" not in said.text


def test_a_reason_is_told_in_the_words_its_step_gave_it() -> None:
    refused = notice(NoticeKind.EVENT_REFUSED, params={"reason": "role_not_held"})
    said = render(refused, ZH, letterhead=LETTERHEAD)
    assert "role_not_held" not in said.text
    assert "岗位" in said.text
    assert "。。" not in said.text


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("kind", [kind for kind in NoticeKind if "place" in KIND_PARAMS[kind]])
def test_a_discreet_notice_tells_number_and_time_only(kind: NoticeKind, language: Language) -> None:
    said = render(notice(kind, discreet=True), language, letterhead=LETTERHEAD)
    everything = said.subject + said.text + said.html + said.sms
    for name in KIND_PARAMS[kind] - {"due_at", "count"}:
        value = str(PARAMS[name])
        assert value not in everything, name
    assert NUMBER in said.sms
    assert len(said.sms) <= SMS_LIMIT[language]
    if "due_at" in KIND_PARAMS[kind]:
        assert "18:00" in said.sms


def test_an_urgent_discreet_notice_says_that_it_is_urgent() -> None:
    alert = notice(NoticeKind.EMERGENCY_ALERT, discreet=True, urgency=Urgency.URGENT)
    assert "紧急" in render(alert, ZH, letterhead=LETTERHEAD).sms


def test_staff_get_a_link_to_the_case_and_villagers_do_not() -> None:
    staff = render(notice(NoticeKind.CASE_CLOSED), ZH, letterhead=LETTERHEAD)
    villager = render(notice(NoticeKind.CASE_CLOSED, Reporter("r-1")), ZH, letterhead=LETTERHEAD)
    assert f"https://grid.example/cases/{CASE}" in staff.html
    assert "https://" not in villager.text + villager.html + villager.sms


def test_a_villager_is_asked_through_the_evaluation_link() -> None:
    asked = notice(NoticeKind.EVALUATION_ASKED, Reporter("r-1"))
    said = render(asked, ZH, letterhead=LETTERHEAD)
    assert "https://grid.example/e/Ab3dE5gH7jK9" in said.sms
    assert 'href="https://grid.example/e/Ab3dE5gH7jK9"' in said.html


def test_a_county_may_word_it_differently(tmp_path: Path) -> None:
    own = tmp_path / "zh" / "check_requested"
    (own / "short").mkdir(parents=True)
    (own / "subject.txt").write_text("本县：{{ place }}待核查", "utf-8")
    (own / "short" / "sms.txt").write_text("核查{{ case_number }}", "utf-8")
    letterhead = Letterhead(sender="本县", folder=tmp_path)
    said = render(notice(), ZH, letterhead=letterhead, variant="short")
    assert said.subject == "本县：李家村第三网格待核查"
    assert said.sms == f"核查{NUMBER}"
    assert "核查" in said.text


def test_a_bundle_lists_its_subjects() -> None:
    said = render_bundle(["甲<b>", "乙", "丙"], ZH, letterhead=LETTERHEAD)
    assert said.subject == "您有 3 条新通知"
    assert [line for line in said.text.splitlines() if line.startswith("- ")] == [
        "- 甲<b>",
        "- 乙",
        "- 丙",
    ]
    assert "甲&lt;b&gt;" in said.html
    long = render_bundle(["很长的标题" * 40] * 9, ZH, letterhead=LETTERHEAD)
    assert len(long.sms) <= SMS_LIMIT[ZH]


def test_a_digest_shows_its_figures_with_what_they_come_from() -> None:
    said = render(notice(NoticeKind.DIGEST_DAILY), ZH, letterhead=LETTERHEAD)
    assert "新增：12\n" in said.text
    assert "按期结案率：92.0%（23/25）" in said.text
    assert "satisfied：—（0/0）" in said.text
    assert "第 4711 号" in said.text
    assert "封印 #4711 4f3a 91bc 07de 22a1 c0de" in said.html
    assert "新增12" in said.sms


def test_a_digest_before_the_first_seal_has_no_foot() -> None:
    digest = '{"township":"青山镇","day":"2026-03-09","metrics":{"new":{"value":0}},"seal":null}'
    early = notice(NoticeKind.DIGEST_DAILY, params={"digest": digest})
    said = render(early, ZH, letterhead=LETTERHEAD)
    assert "新增：0\n" in said.text
    assert "封签" not in said.text
