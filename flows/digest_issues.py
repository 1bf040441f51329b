"""Which digests are due, and sending those that were not: as often as one likes, none twice.

Every issue is a row, made before it is due. So a township that is new begins with its next issue,
an outage loses none, and whoever comes later finds what is still to be sent.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from msgspec import Struct

from events.partitions import partition_of
from flows.digest_figures import daily_figures
from flows.sealing import last_seal
from models.directory import Directory, Org
from models.directory_store import load_directory
from models.ledger_store import append_notices
from models.policy.people import OrgKind
from models.policy.reach import DigestRule
from models.policy.schema import Policy
from models.restores import catching_up
from models.seals import Seal, foot
from models.shard_store import directory_revision
from models.values import OrgId, PersonId, RoleName, derived_id
from notifications.addressees import notice_rows
from notifications.daily import DailyDigest, SealFoot, digest_param
from notifications.notice import Notice, NoticeKind, Person, Recipient, RoleAt, instant

Connection = psycopg.Connection[Any]
Cursor = psycopg.Cursor[Any]

#: Digests that are made so far; the policy may name others.
DAILY = "day"

_LAST = "SELECT max(due_at) FROM digests WHERE kind = %s AND scope = %s"
_PLAN = """
INSERT INTO digests (kind, scope, period, from_at, due_at, addressees, policy_version, seal)
VALUES (%s, %s, %s, %s, %s, 0, '', 0) ON CONFLICT DO NOTHING
"""
_DUE = """
SELECT kind, scope, period, from_at, due_at FROM digests
WHERE sent_at IS NULL AND due_at <= %s AND kind = ANY(%s) ORDER BY due_at, kind, scope
"""
_TAKE = """
SELECT FROM digests WHERE kind = %s AND scope = %s AND period = %s AND sent_at IS NULL
FOR UPDATE SKIP LOCKED
"""
_SENT = """
UPDATE digests SET sent_at = %s, digest = %s, addressees = %s, policy_version = %s, seal = %s
WHERE kind = %s AND scope = %s AND period = %s
"""


class Issue(Struct, frozen=True, kw_only=True):
    """One issue of a digest. It tells what happened from `from_at` to before `due_at`."""

    kind: str
    scope: str
    #: local time of issue
    period: str
    from_at: datetime
    due_at: datetime


class Sent(Struct, frozen=True, kw_only=True):
    """An issue that was sent just now."""

    issue: Issue
    addressees: int


def rules_of(policy: Policy) -> dict[str, DigestRule]:
    """Return the policy's digests that can be made."""
    return {kind: rule for kind, rule in policy.digests.items.items() if rule.every == DAILY}


def issues_after(rule: DigestRule, moment: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield, without end, the instants after `moment` at which a daily digest is issued."""
    first = moment.astimezone(zone).date()
    for days in count():
        for at in sorted(rule.at):
            issued = datetime.combine(first + timedelta(days=days), at, zone).astimezone(UTC)
            if issued > moment:
                yield issued


def issue_before(rule: DigestRule, moment: datetime, zone: ZoneInfo) -> datetime:
    """Return the last instant before `moment` at which a daily digest is issued."""
    earlier = moment - timedelta(days=2)
    for issued in issues_after(rule, earlier, zone):
        if issued >= moment:
            break
        earlier = issued
    return earlier


def plan_issues(cursor: Cursor, policy: Policy, directory: Directory, now: datetime) -> None:
    """Write down every issue up to the first one after `now`, for each place there is."""
    zone = policy.calendar.zone
    for kind, rule in rules_of(policy).items():
        for place in directory.orgs(now, kind=rule.level):
            row = cursor.execute(_LAST, (kind, place.code)).fetchone()
            last = row[0] if row and row[0] else None
            if last is not None and last > now:
                continue
            begun = last or issue_before(rule, next(issues_after(rule, now, zone)), zone)
            for issued in issues_after(rule, last or now, zone):
                period = issued.astimezone(zone).strftime("%Y-%m-%d %H:%M")
                cursor.execute(_PLAN, (kind, place.code, period, begun, issued))
                begun = issued
                if issued > now:
                    break


def send_due(
    connection: Connection,
    policy: Policy,
    *,
    partitions: int,
    now: datetime,
    grace: timedelta = timedelta(),
) -> list[Sent]:
    """Send every issue that has been due for `grace` and was not sent; each in its transaction.

    After a restore none is sent before everything is decided again: its figures would be wrong.
    """
    with connection.transaction(), connection.cursor() as cursor:
        if catching_up(cursor) is not None:
            return []
        directory, issues = _due(cursor, policy, now, until=now - grace)
    desk = _Desk(policy, directory, partitions=partitions, now=now)
    return [sent for issue in issues if (sent := desk.send(connection, issue)) is not None]


def send_late(
    connection: Connection, policy: Policy, *, partitions: int, until: datetime
) -> list[Sent]:
    """Make the unsent issues that were due by `until`, each as of the moment it was due.

    After a restore they may have been sent before: a hold up to `until` keeps them back.
    """
    with connection.transaction(), connection.cursor() as cursor:
        directory, issues = _due(cursor, policy, until, until=until)
    desks = (
        (issue, _Desk(policy, directory, partitions=partitions, now=issue.due_at))
        for issue in issues
    )
    return [sent for issue, desk in desks if (sent := desk.send(connection, issue)) is not None]


def _due(
    cursor: Cursor, policy: Policy, now: datetime, *, until: datetime
) -> tuple[Directory, list[Issue]]:
    """Return the directory, and the unsent issues that were due by `until`."""
    directory = load_directory(cursor, directory_revision(cursor))
    plan_issues(cursor, policy, directory, now)
    rows = cursor.execute(_DUE, (until, sorted(rules_of(policy)))).fetchall()
    return directory, [
        Issue(**dict(zip(Issue.__struct_fields__, row, strict=True))) for row in rows
    ]


class _Desk:
    """Writes issues: figures, foot, addressees."""

    def __init__(
        self, policy: Policy, directory: Directory, *, partitions: int, now: datetime
    ) -> None:
        self._policy, self._directory = policy, directory
        self._partitions, self._now = partitions, now

    def send(self, connection: Connection, issue: Issue) -> Sent | None:
        """Send one issue, unless somebody else has, or is about to."""
        key = (issue.kind, issue.scope, issue.period)
        with connection.transaction(), connection.cursor() as cursor:
            if cursor.execute(_TAKE, key).fetchone() is None:
                return None
            seal = last_seal(connection)
            digest = digest_param(self._digest(cursor, issue, seal))
            rows = self._rows(issue, digest)
            append_notices(cursor, rows)
            cursor.execute("SELECT pg_notify('partygrid_notices', '')")
            number = seal.number if seal else 0
            told = (self._now, digest, len(rows), self._policy.version, number)
            cursor.execute(_SENT, (*told, *key))
        return Sent(issue=issue, addressees=len(rows))

    def _digest(self, cursor: Cursor, issue: Issue, seal: Seal | None) -> DailyDigest:
        rule = self._policy.digests.items[issue.kind]
        place = self._place(issue)
        return DailyDigest(
            township=place.name if place else issue.scope,
            day=issue.period,
            metrics=daily_figures(
                cursor,
                townships=self._townships(rule, issue, place),
                since=issue.from_at,
                until=issue.due_at,
                values=self._policy.feedback.values,
            ),
            seal=_foot(seal) if seal else None,
        )

    def _place(self, issue: Issue) -> Org | None:
        rule = self._policy.digests.items[issue.kind]
        return self._directory.by_code(issue.scope, rule.level, self._now)

    def _townships(self, rule: DigestRule, issue: Issue, place: Org | None) -> list[str]:
        if rule.level is OrgKind.TOWNSHIP or place is None:
            return [issue.scope]
        below = self._directory.orgs(self._now, kind=OrgKind.TOWNSHIP)
        return [org.code for org in below if org.code.startswith(issue.scope)]

    def _rows(self, issue: Issue, digest: str) -> list[dict[str, object]]:
        """Return the notices, one an addressee; the same issue gives the same ids again."""
        cause = derived_id("digest", issue.kind, issue.scope, issue.period)
        rows: dict[object, dict[str, object]] = {}
        for position, recipient in enumerate(self._recipients(issue)):
            for row in notice_rows(
                Notice(
                    kind=NoticeKind.DIGEST_DAILY,
                    recipient=recipient,
                    dedup_key=cause,
                    params={"digest": digest},
                ),
                cause=cause,
                position=position,
                shard=partition_of(issue.scope, self._partitions),
                township=issue.scope,
                directory=self._directory,
                fallback=[str(told.role) for told in self._policy.ladders.duty_owners],
                now=self._now,
            ):
                rows.setdefault((row["addressee_kind"], row["addressee"]), row)
        return list(rows.values())

    def _recipients(self, issue: Issue) -> list[Recipient]:
        """Return who holds the roles anywhere in the place; a role nobody holds stays visible."""
        rule = self._policy.digests.items[issue.kind]
        place = self._place(issue)
        found: list[Recipient] = []
        for role in rule.to:
            holders = sorted(
                {
                    person
                    for org in self._directory.orgs(self._now)
                    if org.code.startswith(issue.scope)
                    for person in self._directory.holders(role, org.id, self._now)
                }
            )
            found += [Person(PersonId(person)) for person in holders]
            if not holders and place is not None:
                found.append(RoleAt(RoleName(role), OrgId(place.id)))
        return found


def _foot(seal: Seal) -> SealFoot:
    return SealFoot(sequence=seal.number, foot=str(foot(seal)), sealed_at=instant(seal.made_at))


def present_moment(connection: Connection, wall: datetime) -> datetime:
    """Return when it is in this installation: a time-lapse's instant, else the wall clock's."""
    with connection.transaction():
        row = connection.execute(
            "SELECT instant FROM conductor WHERE id = 1 AND NOT handed_over"
        ).fetchone()
    return row[0] if row else wall
