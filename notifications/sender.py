"""The process that brings notices to people. Never on the way of an event."""

import logging
from collections import Counter, deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from datetime import datetime, timedelta
from threading import Event
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from jinja2 import TemplateError
from msgspec import Struct, ValidationError, convert
from sqlalchemy import Connection, Engine, RowMapping, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from models.notices import AddresseeKind, ChannelName, SendState, SkipReason
from models.policy.reach import NoticeRules
from models.values import derived_id
from notifications.addresses import AddressBook, UnreadableAddress, Vault
from notifications.channels import Channel, Failed, Outcome, Rendered, Unknown
from notifications.posted import notice_of
from notifications.render import Letterhead, render, render_bundle
from notifications.sends import Claim, Parcel, Skipped, claim, ids, interrupted, record
from notifications.spreading import Reach, spread
from notifications.wording import Language
from partygrid.clock import Clock
from partygrid.errors import Unavailable
from partygrid.patience import Patience

_log = logging.getLogger(__name__)

# Any constant will do, as long as every sender of an installation asks for the same one.
_OWNER_LOCK = 0x6E6F74696365

# Rows that one transaction looks at; how it is cut changes nothing but its length.
_LOOK = 200

# Seconds between two looks: under load every transaction wakes us, and the engine comes first.
_BREATH = 0.1


class Outside(Struct, frozen=True, kw_only=True):
    """What the sender speaks to beyond the database."""

    channels: Mapping[ChannelName, Channel]
    book: AddressBook
    vault: Vault
    letterhead: Letterhead


class Counts(Struct, frozen=True, kw_only=True):
    """What one call of `send_due` did. `owned` is false where another sender is at work."""

    owned: bool = True
    spread: int = 0
    sent: int = 0
    retried: int = 0
    failed: int = 0
    unknown: int = 0
    skipped: int = 0
    postponed: int = 0


class Sender:
    """Sends what is due, `parallel` at a time; of all senders on a database one is at work.

    A send is marked before it is handed over and recorded after. One found marked after a crash
    may have arrived: it is UNKNOWN, shown to an operator and never sent again by itself.
    """

    def __init__(
        self,
        engine: Engine,
        outside: Outside,
        *,
        rules: NoticeRules,
        zone: ZoneInfo,
        parallel: int = 4,
    ) -> None:
        """Take the policy's rules; `zone` is where the quiet hours are meant."""
        self._engine = engine
        self._outside = outside
        self._reach = Reach(rules=rules, channels=frozenset(outside.channels))
        self._zone = zone
        self._parallel = parallel
        self._pool = ThreadPoolExecutor(parallel, thread_name_prefix="notices")

    def close(self) -> None:
        """Wait for what is being handed over, and let the threads go."""
        self._pool.shutdown()

    def run(self, stop: Event, *, clock: Clock, idle: timedelta) -> None:
        """Send what becomes due until `stop` is set; outlast the database.

        Woken by the transaction that wrote a notice; looks every `idle` all the same, for what
        becomes due by itself and for a wake-up that was lost.
        """
        patience = Patience("sending notices fails", _log, longest=idle.total_seconds())
        while not stop.is_set():
            try:
                self._run_connected(stop, patience, clock=clock, idle=idle)
            except (SQLAlchemyError, psycopg.Error) as error:
                # Only its kind is told: its text repeats parameters that may name an addressee.
                stop.wait(patience.failed(getattr(error, "orig", None) or error))

    def _run_connected(
        self, stop: Event, patience: Patience, *, clock: Clock, idle: timedelta
    ) -> None:
        with closing(_listener(self._engine)) as listening:
            while not stop.is_set():
                self.send_due(clock.now())
                patience.went_well()
                deque(listening.notifies(timeout=idle.total_seconds(), stop_after=1), maxlen=0)
                stop.wait(_BREATH)

    def send_due(self, now: datetime) -> Counts:
        """Send everything that is due at `now`, and say how it went."""
        with self._engine.connect() as connection:
            owner = connection.execution_options(isolation_level="AUTOCOMMIT")
            if not owner.scalar(_LOCK, {"key": _OWNER_LOCK}):
                return Counts(owned=False)
            try:
                return self._send_all(now)
            finally:
                _unlock(owner)

    def _send_all(self, now: datetime) -> Counts:
        tally: Counter[str] = Counter()
        with self._engine.begin() as connection:
            tally["unknown"] = interrupted(connection, now=now)
        # What arrives meanwhile is spread in each round, so an emergency never waits for the end.
        while True:
            with self._engine.begin() as connection:
                new = spread(connection, self._reach, now=now, limit=_LOOK)
            with self._engine.begin() as connection:
                due = self._claim(connection, now=now)
            tally.update(spread=new, skipped=due.skipped, postponed=due.postponed)
            if due.idle and not new:
                return convert(dict(tally), Counts)
            self._hand_over(due, tally, now=now)

    def _claim(self, connection: Connection, *, now: datetime) -> Claim:
        return claim(
            connection, self._reach, zone=self._zone, now=now, look=_LOOK, take=self._parallel
        )

    def _hand_over(self, due: Claim, tally: Counter[str], *, now: datetime) -> None:
        under_way = {self._pool.submit(self._deliver, parcel): parcel for parcel in due.parcels}
        for done in as_completed(under_way):
            with self._engine.begin() as connection:
                for send in under_way[done].sends:
                    state = record(connection, send, done.result(), self._reach, now=now)
                    tally["retried" if state is SendState.PENDING else str(state)] += 1

    def _deliver(self, parcel: Parcel) -> Outcome | Skipped:
        first = parcel.sends[0]
        try:
            address, language = self._address(first)
        except UnreadableAddress:
            return Failed("address_unreadable", retry=False)
        except Unavailable:
            return Failed("vault_unavailable", retry=True)
        if address is None:
            return Skipped(SkipReason.CALLED_INSTEAD if language else SkipReason.ANONYMOUS)
        try:
            rendered = self._rendered(parcel, language or Language.ZH)
        except (TemplateError, ValidationError, ValueError, TypeError) as error:
            return Failed(f"no_words:{type(error).__name__}", retry=False)
        return self._send(parcel, address, rendered)

    def _address(self, send: RowMapping) -> tuple[str | None, Language | None]:
        """Return the address and the language; (None, None) for a reporter nobody can reach."""
        if send["addressee_kind"] != AddresseeKind.REPORTER:
            return self._outside.book.open(bytes(send["sealed"])), Language(send["language"])
        contact = self._outside.vault.contact(send["addressee"])
        return (contact.mobile, contact.language) if contact else (None, None)

    def _rendered(self, parcel: Parcel, language: Language) -> Rendered:
        letterhead = self._outside.letterhead
        variants = self._reach.rules.variants
        texts = [
            render(
                notice_of(send),
                language,
                letterhead=letterhead,
                variant=variants.get(send["kind"], ""),
            )
            for send in parcel.sends
        ]
        if len(texts) == 1:
            return texts[0]
        return render_bundle([one.subject for one in texts], language, letterhead=letterhead)

    def _send(self, parcel: Parcel, address: str, rendered: Rendered) -> Outcome:
        key = str(ids(parcel)[0])
        if len(parcel.sends) > 1:
            key = derived_id("bundle", *(str(one) for one in ids(parcel)))
        try:
            return self._outside.channels[parcel.channel].send(address, rendered, key=key)
        except Exception as error:  # noqa: BLE001 - one channel's fault must not stop the others
            _log.error("channel %s broke: %s", parcel.channel, type(error).__name__)
            return Unknown(f"channel_broke:{type(error).__name__}")


def _listener(engine: Engine) -> psycopg.Connection[Any]:
    """Take a connection out of the pool for good: one that listens must not go back."""
    pooled = engine.raw_connection()
    driver = pooled.driver_connection
    pooled.detach()
    if not isinstance(driver, psycopg.Connection):
        raise TypeError("the sender needs psycopg")
    driver.set_autocommit(True)
    driver.execute("listen partygrid_notices")
    return driver


def _unlock(owner: Connection) -> None:
    try:
        owner.execute(_UNLOCK, {"key": _OWNER_LOCK})
    except DBAPIError:
        # The server lets the lock go with the connection; a pooled one must not come back with it.
        owner.invalidate()


_LOCK = text("select pg_try_advisory_lock(:key)")
_UNLOCK = text("select pg_advisory_unlock(:key)")
