"""What the processes tell the operator: one line an event, for people or for programs.

A fault is told by its kind and its place. Its message is left out unless everything is asked for
(`DEBUG`): what a database or a library says of a fault may repeat a row, and a row may name people.

What a line is about (event, case, shard …) are fields of it: `log.info(…, extra=about(shard=3))`.
Ids of marked cases and of what is said about them are nowhere in a log: there stands `restricted`.
"""

import faulthandler
import json
import logging
import signal
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType, TracebackType
from typing import TextIO

from partygrid.settings import Settings

#: What stands in the place of an id that operators must not see.
RESTRICTED = "restricted"
#: Name of the attribute in which a log record carries its fields.
_FIELDS = "partygrid_about"
#: Longest value of a field.
_LONGEST = 128
#: Ours; of libraries only what they warn of is written, whatever is asked for: what else they tell
#: may hold passwords (of brokers, of Prefect), addresses of gateways and people's words.
_OURS = ("events", "flows", "models", "notifications", "web", "partygrid")
#: Libraries that warn of more than an operator can use, and from which level on they may.
_TALKATIVE = {
    # Every lost connection, ten times a second; what it means for us we say ourselves.
    "kafka": logging.CRITICAL,
    # Addresses that it cannot read, tokens and all.
    "apprise": logging.CRITICAL,
    # A line for whatever a stranger sends that is no request.
    "uvicorn": logging.ERROR,
}


def about(**fields: object) -> dict[str, dict[str, object]]:
    """Return what a line is about, to be given as its `extra`; what is empty is left out."""
    known = {name: value for name, value in fields.items() if value not in ("", None)}
    return {_FIELDS: known}


Fault = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class _Told(logging.Formatter):
    """The parts that both forms of a line share."""

    def __init__(self, process: str, *, with_messages: bool, always: Mapping[str, str]) -> None:
        """`always` are fields of every line."""
        super().__init__()
        self.process, self._with_messages, self._always = process, with_messages, always

    def fields(self, record: logging.LogRecord) -> dict[str, object]:
        """Return what the line is about. Ids come from outside: no line breaks, nothing long."""
        own: dict[str, object] = {**self._always, **getattr(record, _FIELDS, {})}
        return {name: _tame(value) for name, value in own.items()}

    @staticmethod
    def moment(record: logging.LogRecord) -> str:
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")

    def fault(self, fault: Fault | None) -> list[str]:
        """Return the fault's kind and the lines of code it passed through."""
        if not fault or fault[0] is None:
            return []
        kind, error, where = fault
        told = [f"{kind.__name__}: {error}" if self._with_messages else kind.__name__]
        return told + [line.strip("\n") for line in traceback.format_tb(where)]


class TextLines(_Told):
    """Lines for people."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one line, and a fault's lines under it."""
        head = f"{self.moment(record)} {record.levelname:<7} {self.process}"
        own = {name: value for name, value in self.fields(record).items() if name != "engine"}
        told = "".join(f" {name}={value}" for name, value in own.items())
        lines = [f"{head} {record.name}: {record.getMessage()}{told}"]
        lines += self.fault(record.exc_info)
        return "\n".join(lines)


class JsonLines(_Told):
    """Lines for programs: a JSON object each."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one line."""
        told: dict[str, object] = {
            "at": self.moment(record),
            "level": record.levelname,
            "process": self.process,
            "logger": record.name,
            "message": record.getMessage(),
            **self.fields(record),
        }
        if fault := self.fault(record.exc_info):
            told["fault"], told["stack"] = fault[0], fault[1:]
        return json.dumps(told, ensure_ascii=False)


def _tame(value: object) -> object:
    if isinstance(value, str):
        return "".join(one if one.isprintable() else "?" for one in value[:_LONGEST])
    return value


def start_logging(
    settings: Settings,
    process: str,
    *,
    to: TextIO = sys.stderr,
    always: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Let this process log under its name, in the form and from the level that are set.

    `always` are fields of every line.
    """
    form = JsonLines if settings.log_format == "json" else TextLines
    handler = logging.StreamHandler(to)
    told_all = settings.log_level == "DEBUG"
    handler.setFormatter(form(process, with_messages=told_all, always=always))
    libraries = max(logging.WARNING, logging.getLevelName(settings.log_level))
    logging.basicConfig(level=libraries, handlers=[handler], force=True)
    for name in _OURS:
        logging.getLogger(name).setLevel(settings.log_level)
    for name, level in _TALKATIVE.items():
        logging.getLogger(name).setLevel(level)


def show_stacks_when_asked() -> None:
    """Let SIGUSR1 write, at this process's standard error, at which line each thread stands.

    Files, lines and functions only: no values, so nobody's words either.
    """
    faulthandler.register(signal.SIGUSR1, all_threads=True)
