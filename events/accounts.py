"""Accounts and rights at the brokers: what is there, and changing it. As their administrator."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)
from kafka.errors import (
    ClusterAuthorizationFailedError,
    KafkaError,
    SecurityDisabledError,
)

from events.away import away
from events.clients import Admin
from events.grants import Right
from partygrid.embedded.tansu import CLUSTER_ID
from partygrid.errors import PartygridError, Refused, Unavailable

#: So many times a password is hashed for one who tries to guess it.
_ITERATIONS = 8192
_ANY = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)


class NoRightsKept(Refused):
    """These brokers keep no accounts or rights: anybody may write and read everything there."""


class NotAdministrator(Refused):
    """This account may not make accounts and rights at the brokers."""


class ChangeRefused(Unavailable):
    """The brokers did not take a change. What was changed before it stays; try again."""


class Accounts:
    """The brokers' accounts. Close it."""

    def __init__(self, client: Mapping[str, Any], mechanism: str) -> None:
        """Connect. Raises `Unavailable`, `NoRightsKept` and `NotAdministrator`."""
        self._client, self._mechanism = client, mechanism
        try:
            self._admin = Admin(**client)
        except KafkaError as fault:
            raise away(client, fault) from fault
        if self._admin.describe_cluster()["cluster_id"] == CLUSTER_ID:
            self.close()
            raise NoRightsKept("The broker that comes along has no accounts: it lets anybody in.")
        try:
            # Asked first: to who may not ask for accounts, Apache Kafka 4.3 never answers.
            self.rights()
        except PartygridError:
            self.close()
            raise

    def close(self) -> None:
        """Disconnect."""
        self._admin.close()

    def known(self) -> frozenset[str]:
        """Return the accounts that have a password."""
        with self._asking():
            return frozenset(self._admin.describe_user_scram_credentials())

    def rights(self) -> dict[str, frozenset[Right]]:
        """Return account → what it may do by rights of our kind; others are left alone."""
        found: dict[str, set[Right]] = {}
        asked = ACLFilter(None, None, ACLOperation.ANY, ACLPermissionType.ALLOW, _ANY)
        with self._asking():
            acls, _ = self._admin.describe_acls(asked)
        for acl in acls:
            right = _right(acl)
            if right is not None and acl.principal.startswith("User:"):
                found.setdefault(acl.principal.removeprefix("User:"), set()).add(right)
        return {account: frozenset(rights) for account, rights in found.items()}

    def set_password(self, account: str, password: str) -> None:
        """Make an account, or give it another password: the old one opens nothing new any more."""
        made = UserScramCredentialUpsertion(account, self._mechanism, password, _ITERATIONS)
        with self._asking():
            self._look(self._admin.alter_user_scram_credentials([made]))

    def remove(self, account: str) -> None:
        """Take an account's password away: nobody is let in by its name any more."""
        gone = UserScramCredentialDeletion(account, self._mechanism)
        with self._asking():
            self._look(self._admin.alter_user_scram_credentials([gone]))

    def _look(self, told: Mapping[str, str | None]) -> None:
        for account, fault in told.items():
            if fault is not None:
                raise ChangeRefused(f"The brokers did not change the account {account}: {fault}")

    def grant(self, account: str, rights: Iterable[Right]) -> None:
        """Let an account do these things."""
        wanted = [_acl(account, right) for right in sorted(rights)]
        if not wanted:
            return
        with self._asking():
            failed = self._admin.create_acls(wanted)["failed"]
        if failed:
            raise ChangeRefused(f"{ChangeRefused.__doc__} ({failed[0].__name__})")

    def withdraw(self, account: str, rights: Iterable[Right]) -> None:
        """Let an account do these things no longer, from the next request on."""
        wanted = [_acl(account, right) for right in sorted(rights)]
        if not wanted:
            return
        with self._asking():
            told = self._admin.delete_acls(wanted)
        failed = [fault for _, _, fault in told if fault.errno]
        if failed:
            raise ChangeRefused(f"{ChangeRefused.__doc__} ({failed[0].__name__})")

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except SecurityDisabledError as fault:
            raise NoRightsKept(
                f"{NoRightsKept.__doc__} Set authorizer.class.name at the brokers."
            ) from fault
        except ClusterAuthorizationFailedError as fault:
            raise NotAdministrator(
                f"{NotAdministrator.__doc__} Name one that may in PARTYGRID_KAFKA_ADMIN_USERNAME"
                " and PARTYGRID_KAFKA_ADMIN_PASSWORD."
            ) from fault
        except KafkaError as fault:
            raise away(self._client, fault) from fault


def _acl(account: str, right: Right) -> ACL:
    kind = ACLResourcePatternType.PREFIXED if right.prefix else ACLResourcePatternType.LITERAL
    return ACL(
        principal=f"User:{account}",
        host="*",
        operation=ACLOperation[right.operation.upper()],
        permission_type=ACLPermissionType.ALLOW,
        resource_pattern=ResourcePattern(ResourceType[right.kind.upper()], right.name, kind),
    )


def _right(acl: ACL) -> Right | None:
    """Return an entry of the brokers' list as a right; None for what we never grant."""
    pattern = acl.resource_pattern
    if acl.host != "*" or pattern.resource_type not in (ResourceType.TOPIC, ResourceType.GROUP):
        return None
    return Right(
        operation=acl.operation.name.lower(),
        kind=pattern.resource_type.name.lower(),
        name=pattern.resource_name,
        prefix=pattern.pattern_type is ACLResourcePatternType.PREFIXED,
    )
