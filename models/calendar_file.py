"""The administrator's calendar file: days off and make-up days that no library knows yet."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import yaml

from models.calendar_days import CalendarOverride
from partygrid.errors import Invalid


class CalendarFileInvalid(Invalid):
    """The calendar file cannot be used. Correct it and load it again."""


class _Fault(Exception):
    def __init__(self, line: int, told: str) -> None:
        super().__init__(told)
        self.line = line


def load_override(path: Path) -> CalendarOverride:
    """Return what the file says. Raises CalendarFileInvalid, naming the line where there is one.

    ```yaml
    days_off: {2027-01-01: 元旦}
    workdays: {2027-01-03: 元旦}   # 调休上班
    complete_years: [2027]         # 其余日期按周一至周五，不再视为暂定
    ```
    """
    try:
        return _read(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CalendarFileInvalid(f"{path}: {error}", path=path) from None
    except _Fault as fault:
        message = f"{path}, line {fault.line}: {fault}"
        raise CalendarFileInvalid(message, path=path, line=fault.line) from None


def _read(text: str) -> CalendarOverride:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise _Fault(line, f"not YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise _Fault(1, f"not YAML: {error}") from None
    if root is None:
        return CalendarOverride()
    _check_each_part(root)
    override = _converted(root)
    both = set(override.days_off) & set(override.workdays)
    if both:
        day = min(both)
        raise _Fault(
            _line_of(root, str(day)), f"{day} stands under days_off and under workdays; keep one"
        )
    return override


def _check_each_part(root: yaml.Node) -> None:
    """Read every entry alone, so that a fault has its line; refuse what stands twice."""
    seen: set[tuple[str, ...]] = set()
    for names, line, alone in _parts(root):
        if names in seen:
            raise _Fault(line, f"{names[-1]} stands here twice; keep one")
        seen.add(names)
        _converted(alone, line)


def _parts(root: yaml.Node) -> Iterator[tuple[tuple[str, ...], int, yaml.Node]]:
    """Yield each entry of the file, and of its mappings, as a file of its own."""
    for key, value in root.value if isinstance(root, yaml.MappingNode) else ():
        entries = value.value if isinstance(value, yaml.MappingNode) else ()
        for day, told in entries:
            inner = yaml.MappingNode(value.tag, [(day, told)])
            line = day.start_mark.line + 1
            yield (str(key.value), str(day.value)), line, yaml.MappingNode(root.tag, [(key, inner)])
        whole = yaml.MappingNode(root.tag, [(key, value)])
        yield (str(key.value),), key.start_mark.line + 1, whole


def _converted(node: yaml.Node, line: int = 1) -> CalendarOverride:
    try:
        content = yaml.SafeLoader("").construct_document(node)
        return msgspec.convert(content, CalendarOverride, strict=True)
    except (yaml.YAMLError, msgspec.ValidationError, ValueError, TypeError) as error:
        raise _Fault(line, str(error)) from None


def _line_of(root: yaml.Node, day: str) -> int:
    return max(line for names, line, _ in _parts(root) if names[-1] == day)
