"""What changes in the directory while the week is played: roles, rosters, availability, a key.

The directory decides who may what, so that a change in the middle shows that every decision is
made with what was known at its moment.
"""

import base64
from collections.abc import Iterator
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from events.contract.directory import (
    AppKeySet,
    Availability,
    DutyRosterSet,
    PersonSet,
    RoleSet,
    Shift,
)
from events.contract.envelope import Acting, Payload
from events.outgoing_event import Outgoing, directory_event
from models.keys import SigningKey
from models.policy.people import Role
from partygrid.sample import apps
from partygrid.sample.county import Sample
from partygrid.sample.draw import Draw
from partygrid.simulation.agenda import TICK, Entry, Rotated, Said

#: How far into the week each change comes, as shares of it.
_ROLE, _ROSTER, _AWAY, _ROTATED = 0.3, 0.45, 0.55, 0.8


class Changes:
    """The changes of one week."""

    def __init__(self, sample: Sample, *, start: datetime, end: datetime) -> None:
        """Know whom and what."""
        self._sample, self._start, self._end = sample, start, end
        self._draw = Draw(sample.seed)
        admin = sample.holders(Role.DIRECTORY_ADMIN, sample.county)[0]
        self._admin = Acting(actor=admin, role=Role.DIRECTORY_ADMIN, org=sample.county)

    def entries(self) -> Iterator[tuple[datetime, str, Entry]]:
        """Yield when, in which order of its tick, and what changes."""
        for share, payloads in (
            (_ROLE, self._roles),
            (_ROSTER, self._roster),
            (_AWAY, self._away),
        ):
            at = self._at(share)
            for number, data in enumerate(payloads(at)):
                yield at, f"directory|{number}", Said(made=self._made(data, at))
        yield from self._rotation(self._at(_ROTATED))

    def _at(self, share: float) -> datetime:
        ticks = int((self._end - self._start) / TICK * share)
        return self._start + ticks * TICK

    def _made(self, data: Payload, at: datetime) -> Outgoing:
        return directory_event(
            data, county=self._sample.county, source=apps.DIRECTORY, at=at, acting=self._admin
        )

    # --- what changes --------------------------------------------------------------------------

    def _roles(self, at: datetime) -> Iterator[Payload]:
        """A liaison lays the role down, and another takes it."""
        village = next(iter(self._sample.villages.values()))
        for entry in self._sample.entries:
            if isinstance(entry, RoleSet) and (entry.role, entry.org) == (
                Role.LIAISON,
                village.code,
            ):
                yield replace(entry, valid_to=at)
        heir = self._sample.members(village.comprehensive[0].code)[-1]
        yield RoleSet(person=heir, role=Role.LIAISON, org=village.code, valid_from=at)

    def _roster(self, at: datetime) -> Iterator[Payload]:
        """Two duty leaders exchange a night."""
        township = self._sample.townships[-1].code
        leaders = self._sample.holders(Role.DUTY_LEADER, township)
        night = at + timedelta(hours=12)
        shift = Shift(person=leaders[-1], starts_at=night, ends_at=night + timedelta(hours=6))
        yield DutyRosterSet(org=township, role=Role.DUTY_LEADER, shifts=(shift,))

    def _away(self, at: datetime) -> Iterator[Payload]:
        """A member goes away for work."""
        grid = next(iter(self._sample.villages.values())).comprehensive[1]
        who = self._sample.members(grid.code)[-1]
        for entry in self._sample.entries:
            if isinstance(entry, PersonSet) and entry.person == who:
                yield replace(entry, availability=Availability.AWAY, valid_from=at)

    def _rotation(self, at: datetime) -> Iterator[tuple[datetime, str, Entry]]:
        """An app gets a new key; a tick later its old one ends."""
        digest = self._draw.digest("next key", apps.DISCIPLINE)
        new = SigningKey(Ed25519PrivateKey.from_private_bytes(digest))
        for entry in self._sample.entries:
            if isinstance(entry, AppKeySet) and entry.source == apps.DISCIPLINE:
                public = base64.b64encode(new.public.raw).decode()
                fresh = replace(entry, public_key=public, valid_from=at)
                yield at, "directory|key", Said(made=self._made(fresh, at))
                yield at + TICK, "directory|key", Rotated(source=entry.source, key=new)
                ended = self._made(replace(entry, valid_to=at + TICK), at + TICK)
                yield at + TICK, "directory|old key", Said(made=ended)
