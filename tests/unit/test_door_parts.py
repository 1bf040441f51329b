"""The small parts of the doors: languages, modes, limits, problems."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from models.values import DeadLetterReason
from notifications.wording import Language
from partygrid.errors import Invalid, Refused, Unavailable
from web.counted import DoorMetrics
from web.envelopes import BATCH, Posted, read_posted
from web.identity_door import identity_of
from web.languages import language_of, sentence
from web.limiter import Limit, Limiter, network_of
from web.problems import KINDS, Problem

ZH, EN = Language.ZH, Language.EN
STRUCTURED = "application/cloudevents+json"


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        pytest.param("", ZH, id="silent"),
        pytest.param("en", EN, id="english"),
        pytest.param("EN-us,en;q=0.9", EN, id="english-of-somewhere"),
        pytest.param("zh-CN,zh;q=0.9,en;q=0.8", ZH, id="chinese-first"),
        pytest.param("zh;q=0.3, en;q=0.7", EN, id="by-weight"),
        pytest.param("fr, de;q=0.9", ZH, id="neither"),
        pytest.param("fr, en;q=0.1", EN, id="better-than-nothing"),
        pytest.param("en;q=0, zh;q=0.1", ZH, id="not-this-one"),
        pytest.param("en;q=x", ZH, id="nonsense"),
        pytest.param("en;level=1", EN, id="other-parameter"),
    ],
)
def test_the_language_that_is_asked_for(accept: str, language: Language) -> None:
    assert language_of(accept) is language


@given(st.text())
def test_no_header_breaks_it(accept: str) -> None:
    assert language_of(accept) in (ZH, EN)


@pytest.mark.parametrize("reason", DeadLetterReason)
def test_every_dead_letter_can_be_told_in_both_languages(reason: DeadLetterReason) -> None:
    chinese, english = sentence(reason, ZH), sentence(reason, EN)
    assert any("\u4e00" <= one <= "\u9fff" for one in chinese)
    assert english.isascii()
    assert english.endswith(".")


@pytest.mark.parametrize("code", KINDS)
def test_every_problem_has_a_title_in_both_languages(code: str) -> None:
    problem = Problem(code)
    chinese, english = problem.told(ZH)["title"], problem.told(EN)["title"]
    assert any("\u4e00" <= one <= "\u9fff" for one in chinese)
    assert english.isascii()
    assert english.endswith(".")
    assert problem.told(EN)["status"] == KINDS[code].status


@pytest.mark.parametrize(
    ("fault", "at"),
    [
        pytest.param("Expected `str`, got `int` - at `$.title`", "title", id="field"),
        pytest.param("Expected `float` - at `$.place.lon`", "place.lon", id="nested"),
        pytest.param("Object missing required field `title`", "title", id="missing"),
        pytest.param(
            "Object missing required field `lat` - at `$.place`", "place.lat", id="missing-within"
        ),
        pytest.param("too strange", "", id="nowhere"),
    ],
)
def test_where_the_data_is_wrong(fault: str, at: str) -> None:
    assert Problem(DeadLetterReason.INVALID_DATA, fault).at == at


@pytest.mark.parametrize(
    ("error", "status"),
    [(Invalid("a secret"), 400), (Refused("a secret"), 409), (Unavailable("a secret"), 503)],
)
def test_errors_of_other_rooms_keep_their_words_inside(error: Invalid, status: int) -> None:
    told = Problem.of_error(error).told(EN)
    assert told["status"] == status
    assert "secret" not in str(told)


def taken(limiter: Limiter, who: str, times: int, limit: Limit = Limit.EVENTS) -> list[int]:
    """Take so many; each gives 0, or how many seconds to wait."""
    return [wait_of(limiter, who, limit) for _ in range(times)]


def wait_of(limiter: Limiter, who: str, limit: Limit) -> int:
    try:
        limiter.take(limit, who)
    except Problem as problem:
        return problem.retry_after
    return 0


def test_so_many_within_the_window_for_each_by_itself() -> None:
    registry = CollectorRegistry()
    limiter = Limiter({Limit.EVENTS: 3, Limit.READS: 1}, DoorMetrics(registry))
    waits = taken(limiter, "a", 5)
    assert waits[:3] == [0, 0, 0]
    assert all(58 <= wait <= 60 for wait in waits[3:])
    assert taken(limiter, "b", 1) == [0]
    assert taken(limiter, "a", 1, Limit.READS) == [0]
    refused = registry.get_sample_value("partygrid_http_limited_total", {"limit": "events"})
    assert refused == 2


def test_after_the_window_there_are_as_many_again() -> None:
    window = timedelta(seconds=1)
    limiter = Limiter({Limit.EVENTS: 2}, DoorMetrics(CollectorRegistry()), window=window)
    assert taken(limiter, "a", 3) == [0, 0, 1]
    deadline = time.monotonic() + 5
    while taken(limiter, "a", 1) != [0]:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_threads_together_take_no_more_than_one_alone() -> None:
    limiter = Limiter({Limit.EVENTS: 50}, DoorMetrics(CollectorRegistry()))
    with ThreadPoolExecutor(8) as threads:
        waits = list(threads.map(lambda _: taken(limiter, "a", 20), range(8)))
    assert sum(wait == 0 for some in waits for wait in some) == 50


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:9::", "2001:db8:1:2::/64"),
        ("testclient", "?"),
        ("", "?"),
    ],
)
def test_what_a_caller_may_call_its_own(address: str, network: str) -> None:
    assert network_of(address) == network


def test_binary_mode() -> None:
    headers = {
        "content-type": "application/json; charset=UTF-8",
        "ce-id": "e1",
        "ce-actor": "%E5%BC%A0",
        "ce-unheard-of": "x",
        "x-other": "y",
    }
    (posted,) = read_posted(headers, b'{"a": 1}', at_most=9)
    assert posted == Posted({"id": "e1", "actor": "张"}, b'{"a": 1}')


def test_structured_mode_keeps_the_datas_bytes() -> None:
    body = b'{"id": "e1", "sequence": 7, "subject": null, "other": [], "data": {"b" : 1.50}}'
    (posted,) = read_posted({"content-type": STRUCTURED}, body, at_most=9)
    assert posted == Posted({"id": "e1", "sequence": "7"}, b'{"b" : 1.50}')


def test_a_batch_is_read_one_by_one() -> None:
    body = b'[{"id": "e1", "data": {}}, 5, {"id": 1.5}, {"id": "e4", "data": {}}]'
    first, second, third, fourth = read_posted({"content-type": BATCH}, body, at_most=9)
    assert isinstance(second, Problem)
    assert isinstance(third, Problem)
    assert (first, fourth) == (Posted({"id": "e1"}, b"{}"), Posted({"id": "e4"}, b"{}"))


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        pytest.param({}, b"{}", "media_type", id="no-type"),
        pytest.param({"content-type": "text/plain"}, b"{}", "media_type", id="text"),
        pytest.param(
            {"content-type": "application/json; charset=gbk"}, b"{}", "media_type", id="gbk"
        ),
        pytest.param({"content-type": STRUCTURED}, b"{", "malformed", id="broken"),
        pytest.param({"content-type": STRUCTURED}, b"\xff", "malformed", id="bytes"),
        pytest.param({"content-type": STRUCTURED}, b"[]", "malformed", id="list"),
        pytest.param({"content-type": STRUCTURED}, b'{"id": true}', "malformed", id="true"),
        pytest.param({"content-type": STRUCTURED}, b'{"id": {}}', "malformed", id="object"),
        pytest.param(
            {"content-type": STRUCTURED}, b'{"data_base64": "e30="}', "media_type", id="base64"
        ),
        pytest.param(
            {"content-type": STRUCTURED},
            b'{"datacontenttype": "text/xml", "data": ""}',
            "media_type",
            id="xml",
        ),
        pytest.param({"content-type": BATCH}, b"{}", "malformed", id="no-batch"),
        pytest.param({"content-type": BATCH}, b"[" * 100_000, "malformed", id="deep"),
        pytest.param(
            {"content-type": STRUCTURED}, b'{"id": ' + b"[" * 50_000, "malformed", id="deep-id"
        ),
        pytest.param(
            {"content-type": "application/json", "ce-id": "%ff"}, b"{}", "malformed", id="percent"
        ),
        pytest.param(
            {"content-type": "application/json", "ce-wave": "3"}, b"{}", "engine_only", id="wave"
        ),
        pytest.param(
            {"content-type": STRUCTURED}, b'{"cause": "x", "data": {}}', "engine_only", id="cause"
        ),
    ],
)
def test_what_cannot_be_read_is_a_problem(headers: dict[str, str], body: bytes, code: str) -> None:
    with pytest.raises(Problem) as caught:
        read_posted(headers, body, at_most=9)
    assert caught.value.code == code


def test_a_batch_holds_no_more_than_it_may() -> None:
    assert len(read_posted({"content-type": BATCH}, b"[{},{}]", at_most=2)) == 2
    with pytest.raises(Problem, match="too_large"):
        read_posted({"content-type": BATCH}, b"[{},{},{}]", at_most=2)


@given(st.binary(max_size=200), st.sampled_from([STRUCTURED, BATCH, "application/json"]))
def test_no_body_breaks_it(body: bytes, kind: str) -> None:
    with suppress(Problem):
        read_posted({"content-type": kind}, body, at_most=9)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"{}", id="nobody"),
        pytest.param(b'{"language": "zh"}', id="a-language-is-nobody"),
        pytest.param(b'{"name": ""}', id="empty"),
        pytest.param(b'{"name": null}', id="none"),
        pytest.param(b'{"name": 5}', id="number"),
        pytest.param('{"身份证": "3302"}'.encode(), id="not-asked-for"),
        pytest.param(b'{"mobile": "call me"}', id="no-number"),
        pytest.param(b'{"name": "a\\u0000"}', id="nul"),
        pytest.param('{"name": "张'.encode(), id="broken"),
        pytest.param(b"\xff", id="bytes"),
    ],
)
def test_what_is_no_identity_is_not_repeated(body: bytes) -> None:
    with pytest.raises(Problem) as caught:
        identity_of(body)
    assert (caught.value.code, caught.value.fault) == ("identity", "")
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_an_identity_as_the_vault_keeps_it() -> None:
    body = '{"name": "张三", "mobile": "+8613800000000", "language": "en"}'.encode()
    assert identity_of(body) == {"name": "张三", "mobile": "+8613800000000", "language": "en"}
    assert identity_of(b'{"mail": "a@b.cn"}') == {"mail": "a@b.cn"}
