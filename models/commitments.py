"""Commitments: what stands in the chain instead of words, so that words can be erased.

The salt follows from the installation's key and the place of the text, so deciding the same
journal again gives the same commitment. Who holds neither the key nor the words can learn nothing
from a commitment; who holds the key can test a guess, even after the words were erased.
"""

from models.canonical import canonical
from models.hashing import SHA256, keyed_hash


def commit(salt: bytes, text: str, *, algorithm: str = SHA256) -> str:
    """Return the hex commitment to `text` under `salt`."""
    return keyed_hash(salt, text.encode(), algorithm=algorithm).hex()


def text_salt(key: bytes, *, source: str, event_id: str, field: str) -> bytes:
    """Return the salt of one text of one event. `key` is the installation's own secret."""
    return keyed_hash(key, b"partygrid-text-1\n" + canonical([source, event_id, field]))


def text_commitment(key: bytes, *, source: str, event_id: str, field: str, text: str) -> str:
    """Return the hex commitment to the text `field` of the event (source, event_id)."""
    return commit(text_salt(key, source=source, event_id=event_id, field=field), text)
