"""Office time: wall times in and out, counted in the stretches in which offices work. Pure."""

from datetime import UTC, date, datetime, timedelta

from msgspec import Struct

from models.calendar import WorkCalendar
from models.policy.clocks import WorkingTime

_NONE = timedelta()
_MIDNIGHT = datetime.min.time()


class Office(Struct, frozen=True):
    """The days and the hours that are worked."""

    calendar: WorkCalendar
    hours: WorkingTime

    def local(self, instant: datetime) -> datetime:
        """Return the wall time at the office, without zone."""
        return instant.astimezone(self.hours.zone).replace(tzinfo=None)

    def utc(self, local: datetime) -> datetime:
        """Return the instant of a wall time at the office."""
        return local.replace(tzinfo=self.hours.zone).astimezone(UTC)

    def worked(self, since: datetime, until: datetime) -> timedelta:
        """Return the office time between two wall times."""
        if until <= since:
            return _NONE
        days = self.calendar.workdays_between(since.date(), until.date())
        before = self._elapsed(since) if self._open(since) else _NONE
        after = self.hours.day_length - self._elapsed(until) if self._open(until) else _NONE
        return days * self.hours.day_length - before - after

    def forward(self, since: datetime, work: timedelta) -> datetime:
        """Return the first wall time at which `work` office time has passed since `since`."""
        if work <= _NONE:
            return since
        need = work + (self._elapsed(since) if self._open(since) else _NONE)
        day = since.date() if self._open(since) else self.calendar.workday_after(since.date(), 1)
        whole = -(-need // self.hours.day_length) - 1
        if whole:
            day = self.calendar.workday_after(day, whole)
            need -= whole * self.hours.day_length
        return self._at(day, need)

    def closing(self, day: date) -> datetime:
        """Return the close of a day."""
        return datetime.combine(day, _MIDNIGHT) + self.hours.close

    def start_of_work(self, day: date) -> datetime:
        """Return the opening of a day."""
        return datetime.combine(day, _MIDNIGHT) + self.hours.opening

    def _open(self, local: datetime) -> bool:
        return self.calendar.is_workday(local.date()).workday

    def _elapsed(self, local: datetime) -> timedelta:
        clock = timedelta(hours=local.hour, minutes=local.minute, seconds=local.second)
        clock += timedelta(microseconds=local.microsecond)
        return sum(
            (min(clock, end) - start for start, end in self.hours.stretches if clock > start), _NONE
        )

    def _at(self, day: date, work: timedelta) -> datetime:
        midnight = datetime.combine(day, _MIDNIGHT)
        for start, end in self.hours.stretches:
            if work <= end - start:
                return midnight + start + work
            work -= end - start
        return midnight + self.hours.close
