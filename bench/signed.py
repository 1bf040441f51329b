"""The same load as a registered app would have signed it, event by event."""

from itertools import count

from msgspec.structs import replace

from bench.load import Load, is_follow_up
from events.codec import Decoded, decode
from events.contract.envelope import Event
from flows.batch import RawRecord
from models.keys import SigningKey
from partygrid.simulation.post import record_of


def signed(load: Load, key: SigningKey) -> Load:
    """Return the load with what people sent signed by `key`; the engine's own stays as it is."""
    numbers = count(1)
    records = tuple(
        one if is_follow_up(one) else _signed(one, key, next(numbers)) for one in load.records
    )
    return load._replace(records=records)


def _signed(record: RawRecord, key: SigningKey, number: int) -> RawRecord:
    read = decode(record.value, record.headers)
    assert isinstance(read, Decoded), read
    event: Event = replace(read.event, key_id=key.key_id, sequence=number)
    made = record_of(event, key)
    return replace(record, headers=made.headers, value=made.value)
