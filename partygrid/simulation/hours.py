"""When things are reported: at the hours people are about, or in office hours. Pure."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from models.office import Office
from partygrid.sample.draw import Draw

#: How many reports an hour of the day brings, beside the others; local time.
_BUSY = (0.2,) * 6 + (0.8, 2, 8, 9, 9, 8, 3, 4, 8, 8, 8, 7, 4, 3, 2, 1, 0.6, 0.3)
_WEEKEND_SHARE = 0.6
_DAY = timedelta(days=1)
#: Nothing that needs the office is brought in its last half hour.
_BEFORE_CLOSE = timedelta(minutes=30)


class Hours:
    """Draws moments within a stretch of time."""

    def __init__(self, office: Office, start: datetime, end: datetime) -> None:
        """Weigh every hour of the stretch."""
        self._office, self.start, self.end = office, start, end
        self._hours = [*self._weighed()]
        self._whole = sum(weight for _, weight in self._hours)

    def _weighed(self) -> Iterator[tuple[datetime, float]]:
        hour = self.start
        while hour < self.end:
            local = self._office.local(hour)
            working = self._office.calendar.is_workday(local.date()).workday
            yield hour, _BUSY[local.hour] * (1 if working else _WEEKEND_SHARE)
            hour += timedelta(hours=1)

    def any(self, draw: Draw, *what: str | int) -> datetime:
        """Return a moment at which somebody is about; rarely at night."""
        left = draw.share("hour", *what) * self._whole
        for hour, weight in self._hours:
            left -= weight
            if left < 0:
                minutes = draw.between(0, 59, "minute", *what)
                return min(hour + timedelta(minutes=minutes), self.end)
        return self.end

    def in_office(self, draw: Draw, by: datetime, *what: str | int) -> datetime:
        """Return a moment in office hours up to `by`; before the stretch where it must be."""
        days = [*self._working_days(self.start, min(by, self.end))]
        if not days:
            days = [self._working_day_before(by)]
        day = days[draw.between(0, len(days) - 1, "day", *what)]
        opening, closing = self._office.start_of_work(day), self._office.closing(day)
        worked = self._office.worked(opening, closing) - _BEFORE_CLOSE
        minutes = draw.between(0, int(worked / timedelta(minutes=1)), "minute", *what)
        return self._office.utc(self._office.forward(opening, timedelta(minutes=minutes)))

    def _working_days(self, first: datetime, last: datetime) -> Iterator[date]:
        """Yield the days whose office hours lie wholly between two instants."""
        day = self._office.local(first).date()
        while day <= self._office.local(last).date():
            whole = (
                self._office.utc(self._office.start_of_work(day)) >= first
                and self._office.utc(self._office.closing(day)) <= last
            )
            if whole and self._office.calendar.is_workday(day).workday:
                yield day
            day += _DAY

    def _working_day_before(self, by: datetime) -> date:
        """Return the last working day whose office hours are over by then."""
        day = self._office.local(by).date()
        while not (
            self._office.calendar.is_workday(day).workday
            and self._office.utc(self._office.closing(day)) <= by
        ):
            day -= _DAY
        return day
