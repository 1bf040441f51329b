"""`partygrid kafka`: accounts, rights and topics at the brokers, as the directory registers apps.

What is there already is left alone, so it may be run after every change of the directory.
"""

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import psycopg
from msgspec import Struct

from events.accounts import Accounts
from events.broker import Broker
from events.grants import Right, account_of, rights_of_app, rights_of_engine, topics_of_app
from models.directory import App, Directory
from models.directory_store import load_directory
from models.policy.people import OrgKind
from models.shard_store import directory_revision
from partygrid.adapters import GROUP
from partygrid.errors import Invalid
from partygrid.settings import Settings

Cursor = psycopg.Cursor[Any]

#: Of the engines' account where the settings name none of its own.
ENGINE = "partygrid"
_PASSWORD_BYTES = 24


class NoSuchApp(Invalid):
    """No such app is registered now. `partygrid kafka accounts` shows which are."""


class NothingToRevoke(Invalid):
    """The brokers know no account or right of this app."""


class Wish(Struct, frozen=True, kw_only=True):
    """What an account is to have."""

    account: str
    #: the app; empty for the engines
    source: str
    rights: frozenset[Right]
    #: what it reads, to be there
    topics: frozenset[str]
    #: a password that is settled already; empty: one is made
    password: str = ""


class Change(Struct, frozen=True, kw_only=True):
    """What is not as it is wished, and is to be done or was."""

    wish: Wish
    #: it gets a password
    is_new: bool
    rotates: bool
    granted: tuple[Right, ...]
    withdrawn: tuple[Right, ...]
    topics: tuple[str, ...]

    @property
    def is_none(self) -> bool:
        """Tell whether everything is as wished."""
        return not (self.sets_password or self.granted or self.withdrawn or self.topics)

    @property
    def sets_password(self) -> bool:
        """Tell whether somebody has to be given a password."""
        return self.is_new or self.rotates


def registered_apps(directory: Directory, now: datetime) -> dict[str, list[App]]:
    """Return source → what is registered of the app by each key that is valid."""
    found: dict[str, list[App]] = {}
    for app in directory.apps(now):
        found.setdefault(app.source, []).append(app)
    return found


def wishes(
    cursor: Cursor, settings: Settings, now: datetime, *, named: Sequence[str] | None, engine: bool
) -> list[Wish]:
    """Return what the named apps are to have (None: all), and the engines. Raises `NoSuchApp`."""
    directory = load_directory(cursor, directory_revision(cursor))
    apps = registered_apps(directory, now)
    for source in named or ():
        if source not in apps:
            raise NoSuchApp(f"{source} is registered nowhere, or its key is not valid now.")
    townships = [org.code for org in directory.orgs(now, kind=OrgKind.TOWNSHIP)]
    chosen = {source: apps[source] for source in sorted(apps if named is None else named)}
    return [wish_of_engine(settings)] * engine + [
        Wish(
            account=account_of(source),
            source=source,
            rights=rights_of_app(entries),
            topics=topics_of_app(entries, townships),
        )
        for source, entries in chosen.items()
    ]


def wish_of_engine(settings: Settings) -> Wish:
    """Return what engines, office and doors are to have; their settings name the account."""
    own = settings.kafka_admin_username is not None
    password = settings.kafka_password if own else None
    return Wish(
        account=(settings.kafka_username if own else None) or ENGINE,
        source="",
        rights=rights_of_engine(GROUP),
        topics=frozenset(),
        password=password.get_secret_value() if password else "",
    )


def changes(
    accounts: Accounts, broker: Broker, wished: Iterable[Wish], *, rotate: bool
) -> list[Change]:
    """Return what is to be done, for each wish."""
    wished = list(wished)
    known, rights = accounts.known(), accounts.rights()
    there = broker.topic_ids({topic for wish in wished for topic in wish.topics} | {"grid.reports"})
    return [_change(wish, known, rights, there, rotate=rotate) for wish in wished]


def _change(
    wish: Wish,
    known: frozenset[str],
    rights: Mapping[str, frozenset[Right]],
    topics: Iterable[str],
    *,
    rotate: bool,
) -> Change:
    has = rights.get(wish.account, frozenset())
    return Change(
        wish=wish,
        is_new=wish.account not in known,
        rotates=rotate and wish.account in known,
        granted=tuple(sorted(wish.rights - has)),
        withdrawn=tuple(sorted(has - wish.rights)),
        topics=tuple(sorted(wish.topics - set(topics))),
    )


def carry_out(
    accounts: Accounts, broker: Broker, planned: Iterable[Change]
) -> Iterator[tuple[Change, str]]:
    """Do it, one account after the other; with each comes its new password, or nothing.

    What is withdrawn is withdrawn first, and a password is the last thing to be set: whoever has
    it can work. Killed in between, the rest is done by the next run.
    """
    for change in planned:
        account = change.wish.account
        accounts.withdraw(account, change.withdrawn)
        if change.topics:
            broker.ensure(change.topics)
        accounts.grant(account, change.granted)
        password = ""
        if change.sets_password:
            settled = change.wish.password if change.is_new else ""
            password = settled or secrets.token_urlsafe(_PASSWORD_BYTES)
            accounts.set_password(account, password)
            password = "" if settled else password
        yield change, password


def revoke(accounts: Accounts, source: str) -> tuple[str, tuple[Right, ...]]:
    """Take an app's rights and its password away; returns its account and what it could do.

    It needs no registration any more. Raises `NothingToRevoke`.
    """
    account = account_of(source)
    rights = accounts.rights().get(account, frozenset())
    is_known = account in accounts.known()
    if not rights and not is_known:
        raise NothingToRevoke
    accounts.withdraw(account, rights)
    if is_known:
        accounts.remove(account)
    return account, tuple(sorted(rights))


class Standing(Struct, frozen=True, kw_only=True):
    """How an account stands."""

    account: str
    #: the registered app; empty for the engines, and for what is no registered app's
    source: str
    #: `well`, `no account`, `other rights`, or `not registered`
    state: str
    rights: tuple[str, ...]


def standings(accounts: Accounts, broker: Broker, wished: Iterable[Wish]) -> list[Standing]:
    """Return how accounts stand: those that are wished, and apps' that nobody wishes any more."""
    planned = changes(accounts, broker, wished, rotate=False)
    rights, known = accounts.rights(), accounts.known()
    ours = {change.wish.account for change in planned}
    app = account_of("app/x").removesuffix("x")
    strange = sorted(name for name in known | set(rights) if name.startswith(app))
    return [
        Standing(
            account=change.wish.account,
            source=change.wish.source,
            state=_state(change),
            rights=_told(rights.get(change.wish.account, ())),
        )
        for change in planned
    ] + [
        Standing(
            account=name, source="", state="not registered", rights=_told(rights.get(name, ()))
        )
        for name in strange
        if name not in ours
    ]


def _state(change: Change) -> str:
    if change.is_new:
        return "no account"
    return "well" if change.is_none else "other rights"


def _told(rights: Iterable[Right]) -> tuple[str, ...]:
    return tuple(str(right) for right in sorted(rights))
