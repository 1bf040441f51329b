"""What every node of the tests' Apache Kafka is told."""

_AUTHORIZER = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"


def shared_properties(nodes: int) -> dict[str, str]:
    """Return what all nodes are told."""
    copies = str(min(nodes, 3))
    return {
        "process.roles": "broker,controller",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "CLIENT",
        "listener.security.protocol.map": "CLIENT:SASL_SSL,CONTROLLER:SSL",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
        "ssl.keystore.type": "PEM",
        "ssl.truststore.type": "PEM",
        "listener.name.client.ssl.client.auth": "requested",
        "listener.name.controller.ssl.client.auth": "required",
        "authorizer.class.name": _AUTHORIZER,
        "auto.create.topics.enable": "false",
        "log.message.timestamp.type": "LogAppendTime",
        "default.replication.factor": copies,
        "min.insync.replicas": "2" if nodes >= 3 else "1",
        "offsets.topic.num.partitions": "4",
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.num.partitions": "1",
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.num.partitions": "1",
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        # A node that was killed is missed, and let in again, sooner than by default.
        "broker.session.timeout.ms": "4000",
        "broker.heartbeat.interval.ms": "500",
        # Without a snapshot a restart loses every account where one was taken out.
        "metadata.log.max.snapshot.interval.ms": "2000",
        "log.cleaner.dedupe.buffer.size": "8388608",
        "num.network.threads": "2",
        "num.io.threads": "4",
        "background.threads": "2",
    }
