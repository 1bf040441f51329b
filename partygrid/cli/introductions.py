"""What the commands that fill an installation share: identities kept, reasons told."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from partygrid.settings import Settings

if TYPE_CHECKING:
    from partygrid.directory_files.identity import Identity
    from partygrid.directory_files.introducing import Introduced


def introduce_all(settings: Settings, identities: "Sequence[Identity]") -> "Introduced":
    """Tell the vault and the address book who these persons are, in one transaction."""
    from notifications.addresses import AddressBook
    from partygrid.adapters import pool_of
    from partygrid.clock import WallClock
    from partygrid.directory_files.introducing import introduce
    from partygrid.keyring import Keyring

    keys = Keyring(settings)
    with pool_of(settings) as pool, pool.begin() as connection:
        return introduce(
            connection,
            identities,
            vault=keys.vault(),
            book=AddressBook(keys.addresses()),
            now=WallClock().now(),
        )


def reason_told(code: str) -> str:
    """Return a reason's code with what it means, in Chinese and English."""
    from notifications.wording import Language, word

    return (
        f"{code}: {word(Language.ZH, '', 'reason', code)} / {word(Language.EN, '', 'reason', code)}"
    )
