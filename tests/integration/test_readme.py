"""What the READMEs show an app maker works as it stands there."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from events.codec import STRUCTURED, Decoded, decode
from events.contract.reports import ReportFiled
from models.keys import SigningKey
from models.values import Fate
from tests.integration.test_producer_broker import Counterpart

ROOT = Path(__file__).parent.parent.parent
PAGES = ("README.md", "README.zh-CN.md")
SOURCE = "app/branch-990101101"


def block(page: str, language: str) -> str:
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    assert len(found) == 1
    return str(found[0])


@pytest.mark.parametrize("page", PAGES)
def test_the_producers_example_sends_and_hears(page: str, broker: str, tmp_path: Path) -> None:
    """Run as a program of its own, in a folder with the app's key, against a real broker."""
    (tmp_path / "county").mkdir()
    SigningKey.generate().save(tmp_path / "county" / "app-branch-990101101.key")
    source = f"{SOURCE}-{PAGES.index(page)}"
    engine = Counterpart(broker, source)
    code = block(page, "python").replace("127.0.0.1:9092", broker).replace(SOURCE, source)
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as app:
        event_id = filed_by(engine, source)
        engine.answer(event_id, Fate.APPLIED, case_number="1")
        told, _ = app.communicate(timeout=30)
    assert app.returncode == 0
    assert event_id in told
    assert "applied" in told


def filed_by(engine: Counterpart, source: str) -> str:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        for _, read in engine.read():
            if read.event.source == source:
                assert isinstance(read.event.data, ReportFiled)
                return read.event.id
        time.sleep(0.1)
    raise AssertionError("nothing came")


@pytest.mark.parametrize("page", PAGES)
def test_the_posted_event_is_one_of_the_contract(page: str) -> None:
    (body,) = re.findall(r"-d '(.*?)'", block(page, "sh"), re.DOTALL)
    # The token says which app it is, so the source may be left out.
    given = body.replace("{", '{"source": "app/hotline",', 1)
    read = decode(given.encode(), [("content-type", STRUCTURED.encode())])
    assert isinstance(read, Decoded), read
    assert isinstance(read.event.data, ReportFiled)
