"""What the processes tell the operator: one line an event, for people or for programs.

A fault is told by its kind and its place. Its message is left out unless everything is asked for
(`DEBUG`): what a database or a library says of a fault may repeat a row, and a row may name people.
"""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import TextIO

from partygrid.settings import Settings

#: Libraries that tell more than an operator can use, and from which level on they may.
_TALKATIVE = {
    # Every lost connection, ten times a second; what it means for us we say ourselves.
    "kafka": logging.CRITICAL,
    **dict.fromkeys(
        ("httpx", "httpcore", "alembic", "asyncio", "apprise", "prefect", "docket"), logging.WARNING
    ),
}

Fault = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class _Told(logging.Formatter):
    """The parts that both forms of a line share."""

    def __init__(self, process: str, *, with_messages: bool) -> None:
        super().__init__()
        self.process, self._with_messages = process, with_messages

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
        lines = [f"{head} {record.name}: {record.getMessage()}", *self.fault(record.exc_info)]
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
        }
        if fault := self.fault(record.exc_info):
            told["fault"], told["stack"] = fault[0], fault[1:]
        return json.dumps(told, ensure_ascii=False)


def start_logging(settings: Settings, process: str, *, to: TextIO = sys.stderr) -> None:
    """Let this process log under its name, in the form and from the level that are set."""
    form = JsonLines if settings.log_format == "json" else TextLines
    handler = logging.StreamHandler(to)
    handler.setFormatter(form(process, with_messages=settings.log_level == "DEBUG"))
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    if settings.log_level != "DEBUG":
        for name, level in _TALKATIVE.items():
            logging.getLogger(name).setLevel(level)
