"""The administrator's calendar file: days off and make-up days that no library knows yet."""

from pathlib import Path

import msgspec
import yaml

from models.calendar import CalendarOverride
from partygrid.errors import Invalid


class CalendarFileInvalid(Invalid):
    """The calendar file cannot be used. Correct it and load it again."""


def load_override(path: Path) -> CalendarOverride:
    """Return what the file says. Raises CalendarFileInvalid where it cannot be read.

    ```yaml
    days_off: {2027-01-01: 元旦}
    workdays: {2027-01-03: 元旦}   # 调休上班
    complete_years: [2027]         # 其余日期按周一至周五，不再视为暂定
    ```
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        override = msgspec.convert(content, CalendarOverride, strict=True)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise CalendarFileInvalid(f"{path}: {error}", path=path) from None
    both = sorted(set(override.days_off) & set(override.workdays))
    if both:
        message = f"{path}: {both[0]} stands under days_off and under workdays; keep one"
        raise CalendarFileInvalid(message, path=path)
    return override
