"""Who a notice reaches: people, inboxes, and nobody where nobody can be found."""

from datetime import datetime

import pytest

from models.directory import Directory, Org, Person, RoleHeld
from models.notices import AddresseeKind, Notices
from models.values import OrgId, PersonId, RoleName
from notifications import notice as notices
from notifications.addressees import Addressee, notice_rows, resolve
from tests.notifying import CASE, NOON, NUMBER, notice

SINCE = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
COUNTY, TOWN, VILLAGE = OrgId("330281"), OrgId("330281101"), OrgId("330281101201")


def directory(*held: tuple[str, str, str]) -> Directory:
    orgs = ((COUNTY, "county", ""), (TOWN, "township", COUNTY), (VILLAGE, "village", TOWN))
    return Directory(
        entries=[
            *(
                Org(id=org, kind=kind, name=org, parent=parent, code=org, valid_from=SINCE)
                for org, kind, parent in orgs
            ),
            *(Person(id=person, valid_from=SINCE) for person, _, _ in held),
            *(
                RoleHeld(person=person, role=role, org=org, valid_from=SINCE)
                for person, role, org in held
            ),
        ]
    )


SECRETARY = notices.RoleAt(RoleName("village_secretary"), VILLAGE)


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        pytest.param(
            [("p2", "village_secretary", VILLAGE), ("p1", "village_secretary", VILLAGE)],
            [("p1", "village_secretary", VILLAGE), ("p2", "village_secretary", VILLAGE)],
            id="all holders, each once, in order",
        ),
        pytest.param(
            [("p3", "village_secretary", TOWN), ("p4", "village_secretary", COUNTY)],
            [("p3", "village_secretary", TOWN)],
            id="the nearest organisation above",
        ),
        pytest.param(
            [("p5", "duty_supervisor", TOWN), ("p6", "duty_leader", VILLAGE)],
            [("p5", "duty_supervisor", TOWN)],
            id="the first duty owner that is held",
        ),
    ],
)
def test_a_role_is_resolved_up_the_tree(
    held: list[tuple[str, str, str]], expected: list[tuple[str, str, str]]
) -> None:
    found = resolve(
        SECRETARY, directory(*held), on=NOON, fallback=("duty_supervisor", "duty_leader")
    )
    assert found == tuple(
        Addressee(AddresseeKind.PERSON, person, role, org) for person, role, org in expected
    )


def test_nobody_is_an_addressee_that_somebody_can_see() -> None:
    found = resolve(SECRETARY, directory(), on=NOON, fallback=("duty_supervisor",))
    assert found == (Addressee(AddresseeKind.NOBODY, None, "village_secretary", VILLAGE),)


@pytest.mark.parametrize(
    ("recipient", "kind"),
    [
        (notices.Person(PersonId("p1")), AddresseeKind.PERSON),
        (notices.Org(TOWN), AddresseeKind.ORG),
        (notices.Reporter("ref"), AddresseeKind.REPORTER),
    ],
)
def test_others_are_themselves(recipient: notices.Recipient, kind: AddresseeKind) -> None:
    (found,) = resolve(recipient, directory(), on=NOON, fallback=())
    assert found.kind is kind
    assert found.id in {"p1", TOWN, "ref"}


def test_the_rows_of_a_decision_are_the_same_each_time() -> None:
    held = directory(("p1", "village_secretary", VILLAGE), ("p2", "village_secretary", VILLAGE))

    def rows(cause: str, position: int) -> list[dict[str, object]]:
        return notice_rows(
            notice(recipient=SECRETARY, urgency=notices.Urgency.URGENT),
            cause=cause,
            position=position,
            shard=3,
            township=TOWN,
            directory=held,
            fallback=(),
            now=NOON,
        )

    first = rows("entry-1", 0)
    assert first == rows("entry-1", 0)
    ids = {row["id"] for row in [*first, *rows("entry-1", 1), *rows("entry-2", 0)]}
    assert len(ids) == 6
    assert set(first[0]) <= set(Notices.model_fields)
    assert (first[0]["case_id"], first[0]["case_number"]) == (CASE, NUMBER)
    assert [row["addressee"] for row in first] == ["p1", "p2"]
    assert first[0]["urgent"] is True
