"""What an entry about a person, a role or an app must fulfil. Pure."""

import base64
import binascii
import re
from datetime import datetime
from fnmatch import fnmatchcase

import events.contract.all  # noqa: F401  # patterns are compared with every type there is
from events.contract.directory import AppKeySet, PersonSet, RoleSet
from events.contract.registry import EVENT_TYPES, Origin
from flows.decide.draft import Detail, Draft, Refusal
from models.directory import Org, Spell
from models.policy.people import OrgKind, Role

#: Party status: 正式党员, 预备党员, or none.
_PARTY_STATUS = frozenset({"full", "probationary", ""})
#: Bytes of an Ed25519 public key.
_KEY_BYTES = 32
_LEVEL_OF_DIGITS = {17: OrgKind.MICRO_GRID, 15: OrgKind.GRID, 12: OrgKind.VILLAGE}


def person_refused(sheet: Draft, data: PersonSet) -> Refusal | None:
    """Return what is wrong with what is said of a person."""
    if data.party_status not in _PARTY_STATUS:
        return Refusal("unknown_party_status")
    unknown = [skill for skill in data.skills if skill not in sheet.policy.matching.skills]
    if unknown:
        return Refusal("unknown_skill", {"skill": unknown[0]})
    if data.contact_households < 0:
        return Refusal("negative_count")
    for code in (*filter(None, (data.grid,)), *data.responsibility_area):
        if not _is_place(sheet, code, data.valid_from):
            return Refusal("unknown_territory", {"code": code})
    return None


def _is_place(sheet: Draft, code: str, on: datetime) -> bool:
    """Is it a village, grid or micro-grid? A micro-grid nobody registered counts by its grid."""
    level = _LEVEL_OF_DIGITS.get(len(code))
    if level is None:
        return False
    directory = sheet.facts.directory
    if level is OrgKind.MICRO_GRID and directory.by_code(code, level, on) is None:
        return directory.by_code(code[:15], OrgKind.GRID, on) is not None
    return directory.by_code(code, level, on) is not None


def role_refused(sheet: Draft, data: RoleSet, org: Org) -> Refusal | None:
    """Return what stands against this person having this role there for this time."""
    roles, directory = sheet.policy.roles, sheet.facts.directory
    if data.role not in set(Role) or Role(data.role) not in roles.roles:
        return Refusal("unknown_role", {"role": data.role})
    role = Role(data.role)
    if role is Role.SYSTEM or org.kind not in roles.roles[role].at:
        return Refusal("role_not_held_there", {"role": data.role, "kind": org.kind})
    if sheet.acting.actor == data.person:
        return Refusal("own_role")
    if directory.person(data.person, data.valid_from) is None:
        return Refusal("unknown_person")
    return _clash(sheet, data, role)


def _clash(sheet: Draft, data: RoleSet, role: Role) -> Refusal | None:
    """Look for the same role with other dates, and for one that must not go together with it."""
    taken = Spell(valid_from=data.valid_from, valid_to=data.valid_to)
    for held in sheet.facts.directory.role_spells(data.person):
        if not overlap(held, taken):
            continue
        same = (held.role, held.org) == (data.role, data.org)
        if same and held.valid_from != data.valid_from:
            return Refusal("role_held_already", {"role": data.role})
        if incompatible(sheet, role, held.role):
            return Refusal("incompatible_roles", {"one": data.role, "other": held.role})
    return None


def incompatible(sheet: Draft, role: Role, other: str) -> bool:
    """May one person never hold both roles?"""
    return any({rule.one, rule.other} == {role, other} for rule in sheet.policy.roles.incompatible)


def overlap(one: Spell, other: Spell) -> bool:
    """Do two half-open times share a moment?"""
    begins = max(one.valid_from, other.valid_from)
    return all(spell.valid_to is None or begins < spell.valid_to for spell in (one, other))


def branch_warning(sheet: Draft, org: str, kind: str, *, at: datetime, gains: int = 0) -> Detail:
    """Warn where a Party branch has fewer full members than policy wants.

    `gains` is 1 where the entry being decided adds a member.
    """
    wanted = sheet.policy.organisation.kinds[OrgKind(kind)].full_members
    directory = sheet.facts.directory
    people = (directory.person(p, at) for p in directory.holders(Role.PARTY_MEMBER, org, at))
    full = sum(person is not None and person.party_status == "full" for person in people)
    if full + gains >= wanted:
        return {}
    return {"warning": "too_few_full_members", "full_members": full + gains, "wanted": wanted}


def app_refused(sheet: Draft, data: AppKeySet) -> Refusal | None:
    """Return what is wrong with an app's key or with what it asks to do."""
    try:
        raw = base64.b64decode(data.public_key, validate=True)
    except (binascii.Error, ValueError):
        return Refusal("bad_public_key")
    if len(raw) != _KEY_BYTES:
        return Refusal("bad_public_key", {"bytes": len(raw)})
    if not data.territories or not data.event_types:
        return Refusal("app_without_reach")
    codes = sheet.policy.organisation.codes
    shapes = (codes.county, codes.township, codes.village, codes.grid)
    for code in data.territories:
        if not any(re.fullmatch(shape, code) for shape in shapes):
            return Refusal("code_shape", {"code": code})
    for pattern in data.event_types:
        if not _matches_some_type(pattern):
            return Refusal("unknown_event_type", {"pattern": pattern})
    return None


def _matches_some_type(pattern: str) -> bool:
    """Does the pattern mean at least one type that comes from outside?"""
    return any(
        fnmatchcase(kind.name, pattern)
        for kind in EVENT_TYPES.values()
        if kind.step is not None and kind.origin is not Origin.ENGINE
    )
