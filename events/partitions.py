"""Which partition a township's records belong to: the same for every inbound topic. Pure."""

from functools import lru_cache

from kafka.partitioner.default import murmur2


@lru_cache(maxsize=65536)
def partition_of(township: str, partitions: int) -> int:
    """Return the partition of a record key, as kafka-python and the Java clients choose it."""
    return int((murmur2(township.encode()) & 0x7FFFFFFF) % partitions)
