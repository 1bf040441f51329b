"""From the recipient a decision names to the persons and inboxes it means now. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from models.notices import AddresseeKind
from models.values import OrgId, PersonId, RoleName, derived_id
from notifications.notice import Notice, Org, Person, Recipient, Reporter, Urgency


class Directory(Protocol):
    """The directory as of the decision time, as far as notices need it."""

    def holders(self, role: RoleName, org: OrgId) -> Sequence[PersonId]:
        """Return who holds `role` at exactly this organisation."""
        ...

    def parent(self, org: OrgId) -> OrgId | None:
        """Return the organisation above, or None at the root."""
        ...

    def duty_owners(self, org: OrgId) -> Sequence[PersonId]:
        """Return who is on duty for the organisation at this moment."""
        ...


class Addressee(Struct, frozen=True):
    """One inbox that a notice lands in; `id` is None for a role that nobody holds."""

    kind: AddresseeKind
    id: str | None
    role: str | None = None
    org: str | None = None


def resolve(recipient: Recipient, directory: Directory) -> tuple[Addressee, ...]:
    """Return the addressees, each once, in id order.

    A role nobody holds at its organisation falls to the holders at the nearest organisation above
    it, then to whoever is on duty there. Nobody at all is one addressee of kind NOBODY, so that
    the gap is a row somebody can see.
    """
    match recipient:
        case Person(id=person):
            return (Addressee(AddresseeKind.PERSON, person),)
        case Org(id=org):
            return (Addressee(AddresseeKind.ORG, org),)
        case Reporter(reporter_ref=ref):
            return (Addressee(AddresseeKind.REPORTER, ref),)
        case _:
            return _holders(recipient.role, recipient.org, directory)


def _holders(role: RoleName, org: OrgId, directory: Directory) -> tuple[Addressee, ...]:
    line = tuple(_upwards(org, directory))
    persons = next((found for at in line if (found := directory.holders(role, at))), ())
    if not persons:
        persons = next((found for at in line if (found := directory.duty_owners(at))), ())
    if not persons:
        return (Addressee(AddresseeKind.NOBODY, None, role, org),)
    return tuple(
        Addressee(AddresseeKind.PERSON, person, role, org) for person in sorted(set(persons))
    )


def _upwards(org: OrgId, directory: Directory) -> Iterator[OrgId]:
    seen: set[OrgId] = set()
    at: OrgId | None = org
    while at is not None and at not in seen:
        seen.add(at)
        yield at
        at = directory.parent(at)


def notice_rows(
    notice: Notice,
    *,
    cause: str,
    position: int,
    shard: int,
    township: str,
    directory: Directory,
    now: datetime,
) -> list[dict[str, object]]:
    """Return the rows of `notices` for one notice of a decision.

    `cause` is the id of the journal entry and `position` the notice's place in its decision: the
    same decision gives the same ids again, so a replay inserts nothing twice.
    """
    return [
        {
            "id": derived_id("notice", cause, position, addressee.kind, addressee.id or ""),
            "shard": shard,
            "township": township,
            "kind": str(notice.kind),
            "urgent": notice.urgency is Urgency.URGENT,
            "discreet": notice.discreet,
            "case_id": notice.case_id,
            "case_number": notice.case_number,
            "addressee_kind": str(addressee.kind),
            "addressee": addressee.id,
            "role": addressee.role,
            "org": addressee.org,
            "params": notice.params,
            "dedup_key": notice.dedup_key,
            "created_at": now,
        }
        for addressee in resolve(notice.recipient, directory)
    ]
