"""Everything about one case: where it stands and who did what, read from the audit's records."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import psycopg
from msgspec import Struct

from models.audit_chain import Act, read_act
from models.case import Case
from models.case_store import load_cases
from models.directory import Directory
from models.directory_store import load_directory
from models.explain import Lang, explain
from models.policy.people import Role
from models.policy.schema import Policy
from models.setting import Shelf
from models.shard_store import directory_revision
from models.values import Mark, is_id
from notifications.wording import Language, word
from partygrid.errors import Invalid, Refused

Cursor = psycopg.Cursor[Any]

_FIND = """
SELECT id::text, shard FROM cases
WHERE version > 0 AND (id::text = %(name)s OR number = %(name)s OR history_ref = %(name)s)
ORDER BY id LIMIT 2
"""
_ACTS = "SELECT case_seq, act FROM audit WHERE case_id = %s ORDER BY case_seq"
_WORDS = "SELECT token, words FROM free_texts WHERE subject = %s"
#: What stands there where the words of a reason were erased.
_ERASED: Mapping[Lang, str] = {"zh": "（文字已按规定删除）", "en": "(the words were erased)"}


class NoSuchCase(Invalid):
    """There is no case of this number, id or reference."""


class CaseIsRestricted(Refused):
    """The case is restricted to a named circle. Say --unrestricted if you are in it."""


class Deed(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One record of the audit, told: who did what, when, in which role, and why."""

    number: int
    decided_at: datetime
    action: str
    actor: str
    asserted_by: str
    role: str = ""
    organisation: str = ""
    on_behalf_of: str = ""
    recorded_by: str = ""
    app: str = ""
    before: str = ""
    after: str = ""
    #: code of the reason, and its sentence
    reason: str = ""
    sentence: str = ""
    words: str = ""
    rule: str = ""
    policy: str = ""
    evidence: tuple[str, ...] = ()
    #: what the app says of when it happened, where that differs
    occurred_at: datetime | None = None
    detail: dict[str, Any] = {}


class Story(Struct, frozen=True, kw_only=True):
    """A case as `partygrid case show` tells it."""

    id: str
    number: str
    state: str
    version: int
    mark: str
    category: str
    grid: str
    tier: int
    reported_at: datetime | None
    registered_at: datetime | None
    closed_at: datetime | None
    owner: str
    #: how the case's limit came about, in a sentence; empty where none runs
    due: str
    #: running clocks: key and due time
    clocks: tuple[tuple[str, datetime], ...]
    #: reference in the system it was imported from
    history_ref: str
    policy: str
    deeds: tuple[Deed, ...]


def tell_case(
    cursor: Cursor,
    shelf: Shelf,
    name: str,
    *,
    lang: Lang,
    now: datetime,
    unrestricted: bool = False,
) -> Story:
    """Return the story of the case of this number, id or reference in another system.

    Organisations are called as they were called when somebody acted, the owner's as at `now`.

    Raises `NoSuchCase` and `CaseIsRestricted`.
    """
    case = _find(cursor, name)
    if case.mark is not Mark.NONE and not unrestricted:
        raise CaseIsRestricted
    policy = shelf.pack_of(case)
    directory = load_directory(cursor, directory_revision(cursor))
    words = dict(cursor.execute(_WORDS, (case.id,)).fetchall())
    telling = _Telling(policy, directory, words, lang)
    rows = cursor.execute(_ACTS, (case.id,)).fetchall()
    return _story(case, policy, lang, telling, rows, now)


def _find(cursor: Cursor, name: str) -> Case:
    rows = cursor.execute(_FIND, {"name": name.lower() if is_id(name.lower()) else name}).fetchall()
    if len(rows) > 1:
        ids = ", ".join(row[0] for row in rows)
        raise NoSuchCase(f"Several cases are called {name}: {ids}. Give the id.")
    if not rows:
        raise NoSuchCase(f"{NoSuchCase.__doc__} ({name})")
    case_id, shard = rows[0]
    return load_cases(cursor, shard, [case_id])[case_id].case


def _story(
    case: Case,
    policy: Policy,
    lang: Lang,
    telling: "_Telling",
    rows: Iterable[Sequence[Any]],
    now: datetime,
) -> Story:
    category = policy.category(case.category)
    due = explain(case.due, lang, zone=policy.calendar.zone) if case.due else ""
    return Story(
        id=case.id,
        number=case.number,
        state=str(case.state),
        version=case.version,
        mark=str(case.mark),
        category=f"{case.category} {getattr(category.name, lang)}" if category else case.category,
        grid=case.grid,
        tier=case.tier,
        reported_at=case.reported_at,
        registered_at=case.registered_at,
        closed_at=case.closed_at,
        owner=telling.owner(case, now),
        due=due,
        clocks=tuple((clock.key, clock.due_at) for clock in case.clocks),
        history_ref=case.history_ref,
        policy=case.policy_version,
        deeds=tuple(telling.deed(number, read_act(act)) for number, act in rows),
    )


class _Telling:
    """Turns codes and ids into what people call them."""

    def __init__(
        self, policy: Policy, directory: Directory, words: Mapping[str, str], lang: Lang
    ) -> None:
        self._policy, self._directory, self._words, self._lang = policy, directory, words, lang

    def owner(self, case: Case, now: datetime) -> str:
        if case.owner is None:
            return ""
        parts = (self._role(case.owner.role), self._org(case.owner.org, now), case.owner.person)
        return " · ".join(part for part in parts if part)

    def deed(self, number: int, act: Act) -> Deed:
        on = act.decided_at
        return Deed(
            number=number,
            decided_at=on,
            action=act.action,
            actor=act.actor,
            asserted_by=act.asserted_by,
            role=self._role(act.acting_role),
            organisation=self._org(act.acting_org, on),
            on_behalf_of=act.on_behalf_of,
            recorded_by=act.recorded_by,
            app=self._app(act, on),
            before=act.before,
            after=act.after,
            reason=act.reason,
            sentence=word(Language(self._lang), "", "reason", act.reason),
            words=self._said(act.words),
            rule=act.rule,
            policy=act.policy,
            evidence=act.evidence,
            occurred_at=act.occurred_at if act.occurred_at != on else None,
            detail=dict(act.detail),
        )

    def _said(self, token: str) -> str:
        return self._words.get(token) or (_ERASED[self._lang] if token else "")

    def _role(self, role: str) -> str:
        rule = self._policy.roles.roles.get(Role(role)) if role in set(Role) else None
        return str(getattr(rule.name, self._lang)) if rule is not None else role

    def _org(self, org: str, on: datetime) -> str:
        known = self._directory.org(org, on) if org else None
        return f"{known.name} ({org})" if known is not None else org

    def _app(self, act: Act, on: datetime) -> str:
        known = self._directory.app(act.key_id, on) if act.key_id else None
        return f"{known.name} ({act.app})" if known is not None else act.app
