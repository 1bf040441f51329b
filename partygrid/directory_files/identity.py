"""Who stands behind a person of the directory: the vault's alone, never in an event."""

from msgspec import Struct

from models.values import derived_id


class Identity(Struct, frozen=True, kw_only=True):
    """A name and how the person is reached. Belongs into the vault and nowhere else."""

    #: the person's `identity_ref`
    ref: str
    person: str
    name: str
    mobile: str = ""
    mail: str = ""


def identity_ref_of(person: str) -> str:
    """Return the pseudonym under which the vault keeps a person of the directory."""
    return f"r-{derived_id('identity', person).replace('-', '')}"
