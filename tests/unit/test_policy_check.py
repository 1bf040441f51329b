"""Every kind of finding comes from a pack with that one fault; the default pack has none."""

import re
from pathlib import Path
from typing import Any

import pytest

from models.policy import checks
from models.policy.check import check_policy
from models.policy.checks.finding import Severity
from models.policy.checks.people import _APART
from models.policy.people import Role
from tests.unit.packs import changed, default_pack, part, with_item, without

MOVES = part("lifecycle", "transitions")
N_RUNGS = part("ladders", "by_urgency", "N", "rungs")
U_RUNGS = part("ladders", "by_urgency", "U", "rungs")
SEPARATIONS = part("roles", "separations")
STEPS = part("consultation", "steps")
LEVELS = part("whistles", "levels")
DUTY_RUNG = N_RUNGS[-1]


def moves_without(*actions: str) -> dict[str, Any]:
    return {"transitions": [move for move in MOVES if move["action"] not in actions]}


def moves_not_into(state: str) -> dict[str, Any]:
    return {"transitions": [move for move in MOVES if move["target"] != state]}


def apart_without(first: str, then: str) -> dict[str, Any]:
    kept = [rule for rule in SEPARATIONS if (rule["first"], rule["then"]) != (first, then)]
    assert len(kept) == len(SEPARATIONS) - 1
    return {"roles": {"separations": kept}}


def rights(role: str, action: str) -> dict[str, Any]:
    """Take an action from a role at every scope."""
    may = part("roles", "roles", role, "may")
    left = {scope: [act for act in acts if act != action] for scope, acts in may.items()}
    return {"roles": {"roles": {role: {"may": left}}}}


def rungs(urgency: str, items: list[Any]) -> dict[str, Any]:
    return {"ladders": {"by_urgency": {urgency: {"rungs": items}}}}


def category(code: str, **fields: Any) -> dict[str, Any]:
    return {"categories": {"items": {code: fields}}}


def body(key: str, **fields: Any) -> dict[str, Any]:
    return {"consultation": {"bodies": {key: fields}}}


NAME = {"zh": "甲", "en": "A"}
FAULTS = [
    # lifecycle
    ("unreachable_state", "CONSULTING", {"lifecycle": moves_without("consultation.request")}),
    (
        "dead_end",
        "VERIFYING",
        {
            "lifecycle": {
                "transitions": [
                    {**move, "sources": [s for s in move["sources"] if s != "VERIFYING"]}
                    for move in MOVES
                    if move["sources"] != ["VERIFYING"]
                ]
            }
        },
    ),
    ("terminal_left", "CLOSED", {"lifecycle": {"states": {"CLOSED": {"terminal": True}}}}),
    (
        "never_closes",
        "HANDLING",
        {
            "lifecycle": {
                "transitions": [
                    *(m for m in MOVES if "HANDLING" not in m["sources"]),
                    *(m for m in MOVES if m["action"] == "assignment.grant_suspension"),
                ]
            }
        },
    ),
    ("state_without_owner", "CHECKING", {"lifecycle": {"states": {"CHECKING": {"owner": None}}}}),
    (
        "owner_cannot_act",
        "VISITING",
        {"lifecycle": {"states": {"VISITING": {"owner": "whistle_office"}}}}
        | {"roles": {"roles": {"whistle_office": {"may": {"county": ["escalation.adjudicate"]}}}}},
    ),
    (
        "move_without_role",
        "transitions.0",
        {"lifecycle": {"transitions": with_item(MOVES, 0, roles=["auditor"])}},
    ),
    (
        "role_lacks_right",
        "transitions.0",
        {"lifecycle": {"transitions": with_item(MOVES, 0, roles=["villager", "auditor"])}},
    ),
    ("action_without_state", "report.amend", {"lifecycle": {"within": {"report.amend": None}}}),
    # people
    ("action_without_role", "policy.activate", rights("policy_admin", "policy.activate")),
    ("role_without_level", "roles.visitor", {"roles": {"roles": {"visitor": {"at": []}}}}),
    ("handler_may_close", "separations", apart_without("assignment.handle", "feedback.close")),
    ("handler_may_check", "separations", apart_without("assignment.handle", "assignment.check")),
    (
        "asker_may_grant",
        "separations",
        apart_without("assignment.ask_extension", "assignment.grant_extension"),
    ),
    (
        "asker_without_role",
        "admission.listed.V-08",
        {"admission": {"listed": {"V-08": {"asked_by": ["township", "county"]}}}},
    ),
    (
        "asker_without_role",
        "admission.listed.V-01",
        {"admission": {"listed": {"V-01": {"asked_by": ["village"]}}}},
    ),
    # ladders
    ("rung_without_time", "N.rungs.1", rungs("N", with_item(N_RUNGS, 1, after=None))),
    ("rung_without_time", "N.rungs.1", rungs("N", with_item(N_RUNGS, 1, share=0.5))),
    ("unknown_level", "N.rungs.0", {"ladders": {"levels": ["village", "township", "county"]}}),
    (
        "rung_cannot_fire",
        "N.rungs.2",
        rungs("N", with_item(N_RUNGS, 2, tell=[{"role": "duty_supervisor", "level": "county"}])),
    ),
    ("rung_order", "N.rungs.3", rungs("N", with_item(N_RUNGS, 3, after="1wd"))),
    ("rung_order", "U.rungs.2", rungs("U", with_item(U_RUNGS, 2, share=None, after="1h"))),
    (
        "rung_lower",
        "N.rungs.3",
        rungs("N", [*N_RUNGS[:2], N_RUNGS[3], {**N_RUNGS[1], "after": "6wd"}, *N_RUNGS[4:]]),
    ),
    ("ladder_end", "N.rungs.4", rungs("N", without(N_RUNGS, 5))),
    ("ladder_end", "fallback", {"ladders": {"fallback": part("ladders", "fallback")[:2]}}),
    ("rung_after_end", "N.rungs.6", rungs("N", [*N_RUNGS, {**DUTY_RUNG, "after": "20wd"}])),
    # matters
    (
        "category_without_item",
        "01-07",
        {"responsibility": {"items": {"B-04": None}}},
    ),
    ("owner_differs", "06-02", category("06-02", owners=["township"], handling_tier=3)),
    ("tier_mismatch", "06-02", category("06-02", handling_tier=1)),
    ("limit_clock", "06-02", category("06-02", limit="3d")),
    ("limit_clock", "01-05", category("01-05", limit="3wd")),
    ("self_close_above_tier", "05-03", category("05-03", self_closable=True)),
    ("bypass_to_township", "11-04", category("11-04", owners=["township"])),
    (
        "marked_by_itself",
        "08-04",
        {"intake": {"automation": {"marked": None}}},
    ),
    ("public_interest_without_body", "11-06", category("11-06", body=None)),
    ("reserved_self_closable", "09-05", category("09-05", self_closable=True)),
    ("reserved_to_lower_body", "09-05", category("09-05", body="two_committees")),
    ("reserved_to_lower_body", "11-02", category("11-02", body="representatives")),
    (
        "reserved_to_lower_body",
        "bodies.two_committees",
        body("two_committees", reserved=["public_works"]),
    ),
    (
        "two_items",
        "06-02",
        {"responsibility": {"items": {"B-10": {"categories": ["05-02", "06-02"]}}}},
    ),
    (
        "duty_pushed_down",
        "W-01",
        {"responsibility": {"items": {"W-01": {"owner": "village"}}}},
    ),
    ("class_empty", "classes.12", {"categories": {"classes": {"12": NAME}}}),
    (
        "merge_by_itself",
        "automation.small",
        {"intake": {"automation": {"small": {"acting": {"report.merge": "by_itself"}}}}},
    ),
    ("merge_by_itself", "duplicates", {"intake": {"duplicates": {"otherwise": "by_itself"}}}),
    ("no_automation", "02-01", {"intake": {"automation": {"larger": None}}}),
    ("enforcement_by_members", "filters", {"matching": {"filters": ["available"]}}),
    (
        "one_handler_in_disputes",
        "handlers_in_disputes",
        {"matching": {"handlers_in_disputes": 1}},
    ),
    # bodies
    (
        "impossible_threshold",
        "bodies.council",
        body("council", passing={"base": "present", "op": ">", "num": 1, "den": 1}),
    ),
    (
        "impossible_threshold",
        "steps.2",
        {
            "consultation": {
                "steps": with_item(
                    STEPS, 2, quorum={"base": "eligible", "op": ">=", "num": 3, "den": 2}
                )
            }
        },
    ),
    ("body_without_quorum", "bodies.villagers", body("villagers", quorums=[])),
    ("body_without_quorum", "bodies.villagers", body("villagers", passing=None)),
    ("nobody_instead", "bodies.collective_assembly", body("collective_assembly", instead=None)),
    (
        "nobody_instead",
        "bodies.collective_assembly",
        body("collective_assembly", instead="one_matter"),
    ),
    (
        "reserved_by_nobody",
        "bodies",
        body("villagers", reserved=["public_works"]),
    ),
    ("steps_incomplete", "steps", {"consultation": {"steps": without(STEPS, 2)}}),
    (
        "steps_incomplete",
        "steps",
        {"consultation": {"steps": [STEPS[1], STEPS[0], *STEPS[2:]]}},
    ),
    # figures
    ("share_above_one", "deadlines.warning", {"deadlines": {"warning": 1.2}}),
    ("lights_order", "lights", {"measures": {"lights": {"yellow": 1.0}}}),
    ("weights_off", "matching.weights", {"matching": {"weights": {"skill": 0.5}}}),
    (
        "weights_off",
        "measures.burden",
        {"measures": {"burden": {"inputs": {"off_hours_share": None}}}},
    ),
    ("whistle_order", "kinds.ROUTINE", {"whistles": {"kinds": {"ROUTINE": {"sign": "8wd"}}}}),
    (
        "confirmer_without_limit",
        "kinds.EMERGENCY",
        {"whistles": {"kinds": {"EMERGENCY": {"confirm_within": None}}}},
    ),
    ("objection_never_final", "levels", {"whistles": {"levels": LEVELS[:2]}}),
    (
        "objection_never_final",
        "levels",
        {"whistles": {"levels": with_item(LEVELS, 0, final=True)}},
    ),
    (
        "named_without_right",
        "kinds.HARD",
        {"whistles": {"kinds": {"HARD": {"approver": "dispatcher"}}}},
    ),
    (
        "named_without_right",
        "matching.confirmed_by",
        {"matching": {"confirmed_by": ["party_member"]}},
    ),
    (
        "photos_only",
        "limits.evidence.kinds",
        {"limits": {"evidence": {"kinds": ["image/jpeg", "image/png"]}}},
    ),
    ("digest_without_day", "items.weekly", {"digests": {"items": {"weekly": {"weekday": None}}}}),
    ("digest_without_day", "items.monthly", {"digests": {"items": {"monthly": {"day": None}}}}),
]
HELD_CODES = {"role_not_held", "rung_not_held"}


def test_the_default_pack_has_no_finding() -> None:
    assert check_policy(default_pack()) == []


@pytest.mark.parametrize(
    ("code", "place", "overlay"), [pytest.param(*f, id=f"{f[0]}-{f[1]}") for f in FAULTS]
)
def test_a_fault_is_found_at_its_place(code: str, place: str, overlay: dict[str, Any]) -> None:
    found = [finding for finding in check_policy(changed(overlay)) if finding.code == code]
    assert any(place in finding.place for finding in found), (code, place)
    assert all(finding.message for finding in found)


def test_every_kind_of_finding_stands_in_the_table() -> None:
    sources = [path.read_text("utf-8") for path in Path(checks.__path__[0]).glob("*.py")]
    written = {
        code for source in sources for code in re.findall(r'(?:error|warning)\(\s*"(\w+)"', source)
    }
    known = written | {code for _, _, code in _APART}
    assert known == {code for code, _, _ in FAULTS} | HELD_CODES


def everyone_held() -> dict[Role, int]:
    return dict.fromkeys(Role, 5)


def test_a_county_where_every_role_is_held_has_no_finding() -> None:
    assert check_policy(default_pack(), held=everyone_held()) == []


def test_a_role_nobody_holds_is_found() -> None:
    held = everyone_held() | {Role.CHECKER: 0, Role.DISCIPLINE_OFFICER: 1}
    places = {f.place for f in check_policy(default_pack(), held=held)}
    assert places == {"roles.roles.checker", "roles.roles.discipline_officer"}


def test_a_rung_that_nobody_would_hear_is_found() -> None:
    held = everyone_held() | {Role.COUNTY_SUPERVISOR: 0}
    found = [f for f in check_policy(default_pack(), held=held) if f.code == "rung_not_held"]
    assert {f.place for f in found} == {
        "ladders.by_urgency.E.rungs.3",
        "ladders.by_urgency.U.rungs.4",
        "ladders.by_urgency.N.rungs.4",
    }
    assert {f.severity for f in found} == {Severity.WARNING}
