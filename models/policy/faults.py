"""What can be wrong with a pack, said with file and line."""

from collections.abc import Sequence

from msgspec import Struct

from partygrid.errors import Invalid


class PolicyFault(Struct, frozen=True, kw_only=True):
    """One fault, at its place."""

    file: str
    #: 1 is the first line; 0 where the whole file is meant
    line: int
    #: path inside the pack, joined by dots: `categories.items.01-01.limit`
    field: str
    message: str

    def __str__(self) -> str:
        """Write it so that an editor finds the place."""
        return f"{self.file}:{self.line}: {self.field}: {self.message}"


class PolicyInvalid(Invalid):
    """The policy pack cannot be used. Correct the faults and load it again."""

    def __init__(self, faults: Sequence[PolicyFault]) -> None:
        self.faults = tuple(faults)
        lines = "\n".join(str(fault) for fault in self.faults)
        super().__init__(f"The policy pack has {len(self.faults)} fault(s):\n{lines}")
