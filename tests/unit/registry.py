"""A directory that is changed entry by entry, as the engine does."""

import base64
from dataclasses import dataclass
from datetime import timedelta

import flows.decide.all  # noqa: F401  # enters all handlers
from events.contract.directory import PersonSet, RoleSet
from events.contract.envelope import Acting, Event, Payload
from flows.decide.decision import Decision, Facts
from flows.decide.directory_rights import BOOTSTRAP
from flows.decide.route import decide
from flows.entries import entries_of
from models.case import Case
from models.directory import Directory
from models.policy.people import Role
from models.reasons.assignment import REASONS as SHARED
from models.reasons.directory import REASONS
from models.reasons.general import REASONS as GENERAL
from models.values import CaseId, Fate
from tests import world
from tests.unit.assigning import NOW, OFFICE, POLICY, with_entries

COUNTY, TOWNSHIP, VILLAGE, GRID = world.COUNTY, world.TOWNSHIP, world.VILLAGE, world.GRID
OTHER_TOWNSHIP = world.TOWNSHIPS[1]
SINCE, DAY = world.SINCE, timedelta(days=1)
ADMIN = world.acting(Role.DIRECTORY_ADMIN, COUNTY)
TOWN_ADMIN = Acting(actor="p-town-admin", role=Role.DIRECTORY_ADMIN, org=TOWNSHIP)
ENGINE = Acting(actor=BOOTSTRAP, role="system", org=COUNTY, asserted_by="system")
SECRETARY = world.acting(Role.VILLAGE_SECRETARY, VILLAGE)
KEY = base64.b64encode(bytes(32)).decode()


def small_county() -> Directory:
    """The county of the tests, with an administrator in one township."""
    return with_entries(
        *entries_of(PersonSet(person="p-town-admin", valid_from=SINCE)),
        *entries_of(
            RoleSet(
                person="p-town-admin", role=Role.DIRECTORY_ADMIN, org=TOWNSHIP, valid_from=SINCE
            )
        ),
        *entries_of(PersonSet(person="p-new", grid=GRID, valid_from=SINCE)),
    )


@dataclass
class Registry:
    """A directory that takes what is applied, as the engine does."""

    directory: Directory

    def say(self, data: Payload, acting: Acting = ADMIN) -> Decision:
        event = Event(
            id="e",
            source="app/test",
            type="",
            time=NOW,
            township=COUNTY,
            acting=acting,
            data=data,
        )
        facts = Facts(directory=self.directory, office=OFFICE)
        decision = decide(Case(id=CaseId("none")), facts, event, POLICY, NOW)
        known = REASONS.keys() | GENERAL.keys() | SHARED.keys()
        assert decision.reason in known, decision.reason
        assert decision.case is None
        if decision.fate is Fate.REFUSED:
            assert decision.entries == ()
        for entry in decision.entries:
            for spell in entries_of(entry):
                self.directory.record(spell)
        return decision
