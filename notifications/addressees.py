"""From the recipient a decision names to the persons and inboxes it means now. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from models.notices import AddresseeKind
from models.values import derived_id
from notifications.notice import Notice, Org, Person, Recipient, Reporter, RoleAt, Urgency


class Directory(Protocol):
    """What `models.directory.Directory` answers, as far as notices need it."""

    def find_holder(self, role: str, org: str, on: datetime) -> tuple[str, tuple[str, ...]]:
        """Go up from `org` to the first organisation where somebody holds `role` at `on`."""
        ...


class Addressee(Struct, frozen=True):
    """One inbox that a notice lands in; `id` is None for a role that nobody holds."""

    kind: AddresseeKind
    id: str | None
    role: str | None = None
    org: str | None = None


def resolve(
    recipient: Recipient, directory: Directory, *, on: datetime, fallback: Sequence[str]
) -> tuple[Addressee, ...]:
    """Return the addressees, each once, in id order.

    A role nobody holds at its organisation falls to its holders at the nearest organisation above,
    then to the first role of `fallback` (the policy's duty owners) that somebody holds there.
    Nobody at all is one addressee of kind NOBODY, so that the gap is a row somebody can see.
    """
    match recipient:
        case Person(id=person):
            return (Addressee(AddresseeKind.PERSON, person),)
        case Org(id=org):
            return (Addressee(AddresseeKind.ORG, org),)
        case Reporter(reporter_ref=ref):
            return (Addressee(AddresseeKind.REPORTER, ref),)
        case RoleAt(role=role, org=org):
            return _holders((role, *fallback), org, directory, on=on)


def _holders(
    roles: Sequence[str], org: str, directory: Directory, *, on: datetime
) -> tuple[Addressee, ...]:
    for role in roles:
        at, persons = directory.find_holder(role, org, on)
        if persons:
            return tuple(
                Addressee(AddresseeKind.PERSON, person, role, at) for person in sorted(set(persons))
            )
    return (Addressee(AddresseeKind.NOBODY, None, roles[0], org),)


def notice_rows(
    notice: Notice,
    *,
    cause: str,
    position: int,
    shard: int,
    township: str,
    directory: Directory,
    fallback: Sequence[str],
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
            "case_id": notice.case_id or None,
            "case_number": notice.case_number or None,
            "addressee_kind": str(addressee.kind),
            "addressee": addressee.id,
            "role": addressee.role,
            "org": addressee.org,
            "params": notice.params,
            "dedup_key": notice.dedup_key,
            "created_at": now,
        }
        for addressee in resolve(notice.recipient, directory, on=now, fallback=fallback)
    ]
