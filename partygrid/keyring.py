"""The installation's keys: each a file of its own, outside the database, never overwritten."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet, MultiFernet

from models.keys import KeyFileExists, NoSuchKind, PublicKey, SigningKey, write_secret
from models.vault import Vault, make_vault_file
from partygrid.bootstrap import installation_key, secrets_folder
from partygrid.settings import Settings


class Keyring:
    """Gives each key to whoever needs it; a missing one is made at the first asking."""

    def __init__(self, settings: Settings) -> None:
        """Know the folder; read nothing yet."""
        self.folder = secrets_folder(settings)

    def make_all(self) -> tuple[Path, ...]:
        """Make the keys that are missing and return the files of those that were."""
        before = set(self._files())
        for name in ("own.key", "text.key"):
            installation_key(self.folder, name)
        self.seal()
        self.vault()
        self.addresses()
        return tuple(sorted(set(self._files()) - before))

    def seal(self) -> SigningKey:
        """Return the key that signs the seals; its public half lies beside it, for verifiers."""
        path = self._made("seal.key", lambda new: SigningKey.generate().save(new))
        key = SigningKey.load(path)
        self._made(
            f"seal-{key.key_id}.pub", lambda new: write_secret(new, key.public.pem().encode())
        )
        return key

    def seal_publics(self) -> Mapping[str, PublicKey]:
        """Return the public keys of all seals ever made here, by key id.

        Raises `NoSuchKind` where a file holds another key than its name says.
        """
        found = {}
        for path in sorted(self.folder.glob("seal-*.pub")):
            key = PublicKey.from_pem(path.read_text())
            if path.stem != f"seal-{key.key_id}":
                raise NoSuchKind(f"{path} holds the key {key.key_id}: was the file exchanged?")
            found[key.key_id] = key
        return found

    def vault(self) -> Vault:
        """Return the vault of the reporters' identities."""
        return Vault.load(self._made("vault.key", make_vault_file))

    def addresses(self) -> MultiFernet:
        """Return the cipher of the address book; the first line of its file encrypts."""
        path = self._made("addresses.key", lambda new: write_secret(new, Fernet.generate_key()))
        return MultiFernet([Fernet(line) for line in path.read_text().split()])

    def _made(self, name: str, make: Callable[[Path], None]) -> Path:
        path = self.folder / name
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with suppress(KeyFileExists):  # another process was quicker; its key is the key
                make(path)
        return path

    def _files(self) -> Iterator[Path]:
        return (path for path in self.folder.glob("*") if not path.name.startswith("."))
