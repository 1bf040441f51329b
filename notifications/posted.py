"""A notice read back from its row."""

from typing import Any

from sqlalchemy import RowMapping

from models.notices import AddresseeKind
from models.values import CaseId, OrgId, PersonId
from notifications.notice import Notice, NoticeKind, Org, Person, Recipient, Reporter, Urgency


def notice_of(row: RowMapping) -> Notice:
    """Return the notice of a row of `notices`.

    Raises `ValueError` or `TypeError` for a row an older release wrote with other kinds or params.
    """
    return Notice(
        kind=NoticeKind(row["kind"]),
        recipient=_recipient(AddresseeKind(row["addressee_kind"]), row["addressee"]),
        dedup_key=row["dedup_key"],
        case_id=CaseId(str(row["case_id"])) if row["case_id"] else None,
        case_number=row["case_number"],
        urgency=Urgency.URGENT if row["urgent"] else Urgency.NORMAL,
        discreet=row["discreet"],
        params=row["params"],
    )


def _recipient(kind: AddresseeKind, addressee: Any) -> Recipient:
    match kind:
        case AddresseeKind.ORG:
            return Org(OrgId(addressee))
        case AddresseeKind.REPORTER:
            return Reporter(addressee)
        case _:
            return Person(PersonId(addressee or ""))
