"""What is tested is what is shipped."""

import re
from pathlib import Path

from tests.services.jars import kafka_version

ROOT = Path(__file__).parents[2]


def test_compose_runs_the_kafka_that_is_tested() -> None:
    written = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    assert re.findall(r"image: apache/kafka:(\S+)", written) == [kafka_version()]
