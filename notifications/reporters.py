"""How a reporter is reached: the vault is opened for one sending, and nothing of it is kept."""

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from models.vault import SealedIdentity, Vault, VaultLocked
from notifications.addresses import Contact
from notifications.wording import Language
from partygrid.errors import Unavailable


class ReporterContacts:
    """Reads the sealed rows of `identities` and opens them with the vault's keys.

    Of an identity it uses `mobile`, and `language` where it is not Chinese.
    """

    def __init__(self, pool: Engine, vault: Vault) -> None:
        """Take the database and the vault."""
        self._pool, self._vault = pool, vault

    def contact(self, reporter_ref: str) -> Contact | None:
        """Return how the reporter is reached; None where the vault knows nobody of this name.

        Raises `Unavailable` where the database is away or the vault lacks this row's key: then the
        message waits until somebody has put that right, or it is stale.
        """
        try:
            with self._pool.connect() as connection:
                row = connection.execute(_SEALED, {"ref": reporter_ref}).one_or_none()
        except DBAPIError as fault:
            raise Unavailable("the vault's rows cannot be read") from fault
        if row is None:
            return None
        try:
            identity = self._vault.open(SealedIdentity(row[0], row[1], bytes(row[2])))
        except VaultLocked as fault:
            raise Unavailable("the vault's key for this identity is missing") from fault
        language = Language.EN if identity.get("language") == Language.EN else Language.ZH
        return Contact(identity.get("mobile") or None, language)


_SEALED = text("select reporter_ref, key_id, ciphertext from identities where reporter_ref = :ref")
