"""Run once by `make kafka-jars`: keep Kafka's classes as Java loaded them, for quicker starts."""

import tempfile
from pathlib import Path

from events.broker import OWN_TOPICS, Broker
from tests.services.apache import Apache
from tests.services.jars import class_archive


def main() -> None:
    """Start a broker, have it do what the tests will, and let it write its classes as it ends."""
    archive = class_archive()
    archive.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="pg-archive-") as folder:
        option = f"-XX:ArchiveClassesAtExit={archive}"
        with Apache(Path(folder) / "kafka", options=[option]) as kafka:
            broker = Broker(kafka.client(), partitions=1, replication=1)
            broker.ensure(OWN_TOPICS)
            broker.close()
            kafka.nodes[0].stop()


if __name__ == "__main__":
    main()
