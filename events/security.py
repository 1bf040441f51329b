"""How brokers are spoken to, and as whom: the same for every client of ours, and for apps."""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Self

from events.clients import Client, LastFault
from partygrid.settings import Settings


# A dataclass, because its `repr` can leave the passwords out.
@dataclass(frozen=True, kw_only=True)
class Security:
    """An account at the brokers, proved over TLS. Passwords show nowhere.

    `Security(username=…, password=…, ca_file=…)` is what an app needs as a rule.
    """

    protocol: str = "SASL_SSL"
    mechanism: str | None = "SCRAM-SHA-512"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    #: who signed the brokers' certificates; None: whom this machine trusts
    ca_file: Path | None = None
    #: a certificate to show, where the brokers ask for one
    cert_file: Path | None = None
    key_file: Path | None = None
    key_password: str | None = field(default=None, repr=False)
    #: must a broker's certificate be made for the address at which it is reached?
    check_hostname: bool = True

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return what an installation's settings say."""
        password, key_password = settings.kafka_password, settings.kafka_key_password
        return cls(
            protocol=settings.kafka_security_protocol,
            mechanism=settings.kafka_sasl_mechanism,
            username=settings.kafka_username,
            password=password.get_secret_value() if password else None,
            ca_file=settings.kafka_ca_file,
            cert_file=settings.kafka_cert_file,
            key_file=settings.kafka_key_file,
            key_password=key_password.get_secret_value() if key_password else None,
            check_hostname=settings.kafka_check_hostname,
        )

    def client(self, bootstrap: str) -> dict[str, Any]:
        """Return what a client of kafka-python connects with, to these addresses."""
        given: dict[str, Any] = {
            "bootstrap_servers": [address.strip() for address in bootstrap.split(",")],
            "security_protocol": self.protocol,
            "kafka_client": partial(Client, last=LastFault()),
        }
        if self.protocol.startswith("SASL_"):
            given |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        if self.protocol.endswith("SSL"):
            given |= {
                "ssl_check_hostname": self.check_hostname,
                "ssl_cafile": _named(self.ca_file),
                "ssl_certfile": _named(self.cert_file),
                "ssl_keyfile": _named(self.key_file),
                "ssl_password": self.key_password,
            }
        return given


#: For a broker that lets everybody in, as the one that comes along does.
OPEN = Security(protocol="PLAINTEXT", mechanism=None)


def _named(path: Path | None) -> str | None:
    return None if path is None else str(path)
