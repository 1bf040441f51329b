"""Where Apache Kafka's jars lie, which `make kafka-jars` fetches, and what else it needs."""

import os
import re
import shutil
from pathlib import Path

FOLDER = Path(__file__).parent / "kafka"
_VERSION = re.compile(r"<kafka\.version>(.+)</kafka\.version>")


def kafka_version() -> str:
    """Return which Apache Kafka is tested with."""
    found = _VERSION.search((FOLDER / "pom.xml").read_text(encoding="utf-8"))
    assert found is not None
    return found[1]


def jars() -> Path:
    """Return the cache folder of this version's jars; the Makefile knows the same one."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "partygrid" / f"kafka-{kafka_version()}"


def class_archive() -> Path:
    """Return where Java keeps Kafka's classes as it loaded them: without it a start takes twice
    as long. Java itself looks whether it fits.
    """
    return jars() / "classes.jsa"


def missing() -> str:
    """Return what keeps Apache Kafka from being started here; empty where nothing does."""
    if shutil.which("java") is None:
        return "Apache Kafka needs Java 17 or newer, and there is no `java`"
    if not (jars() / "complete").exists():
        return f"Apache Kafka's jars are not in {jars()}: run `make kafka-jars` (needs Maven)"
    return ""


def java() -> str:
    """Return the Java that runs it."""
    found = shutil.which("java")
    assert found is not None
    return found
