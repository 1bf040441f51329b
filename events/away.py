"""What to tell of a broker that cannot be used: what happened, and what an operator does about it.

Nothing here repeats a password; what kafka-python says of a fault is told only where it is its own.
"""

import ssl
from collections.abc import Mapping
from functools import partial
from typing import Any

from kafka.errors import (
    AuthorizationError,
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailedError,
    TopicAuthorizationFailedError,
    UnsupportedSaslMechanismError,
)

from events.clients import LastFault
from partygrid.errors import Unavailable

#: OpenSSL's codes of a certificate that is made for another name, mail address or number.
_OTHER_NAME = {62, 63, 64}


class NotLetIn(Unavailable):
    """The brokers do not take this client as it is."""


class NotAllowed(Unavailable):
    """The brokers do not let this account do what it must. `partygrid kafka grant` gives rights."""


def away(client: Mapping[str, Any], fault: Exception) -> Unavailable:
    """Return what to raise where a client with these settings met a fault."""
    if isinstance(fault, AuthorizationError):
        return NotAllowed(_not_allowed(client, fault))
    cause = fault if _tells(fault) else _last(client)
    told = _told(client, cause) if cause is not None else ""
    if told:
        return NotLetIn(told)
    return Unavailable(f"the broker does not answer: {fault}")


def _tells(fault: Exception) -> bool:
    return isinstance(
        fault,
        SaslAuthenticationFailedError | UnsupportedSaslMechanismError | IllegalSaslStateError,
    )


def _last(client: Mapping[str, Any]) -> Exception | None:
    made = client.get("kafka_client")
    last = made.keywords.get("last") if isinstance(made, partial) else None
    return last.fresh() if isinstance(last, LastFault) else None


def _told(client: Mapping[str, Any], cause: Exception) -> str:
    """Return what to do about a connection that failed; empty where there is nothing to say."""
    who = client.get("sasl_plain_username")
    if isinstance(cause, SaslAuthenticationFailedError):
        return (
            f"the brokers refuse the account {who}: its name or password is wrong. Correct them"
            " (PARTYGRID_KAFKA_USERNAME, PARTYGRID_KAFKA_PASSWORD; in an app its `Security`), or"
            " have an operator give it a new password: `partygrid kafka grant --rotate`"
        )
    if isinstance(cause, UnsupportedSaslMechanismError | IllegalSaslStateError):
        return (
            f"the brokers do not take {client.get('sasl_mechanism')}: correct"
            " PARTYGRID_KAFKA_SASL_MECHANISM"
        )
    return _told_of_tls(client, _root(cause))


def _told_of_tls(client: Mapping[str, Any], cause: BaseException) -> str:
    if isinstance(cause, ssl.SSLCertVerificationError):
        if cause.verify_code in _OTHER_NAME:
            return (
                "the broker's certificate is made for another name than the one it is reached at"
                f" ({cause.verify_message}): use that name in PARTYGRID_KAFKA_BOOTSTRAP and in the"
                " brokers' advertised.listeners"
            )
        return (
            f"the broker's certificate is not trusted ({cause.verify_message}): name the authority"
            " that signed it in PARTYGRID_KAFKA_CA_FILE"
        )
    if isinstance(cause, ssl.SSLError):
        return (
            f"no TLS with the broker ({cause.reason or cause}): does it speak"
            f" {client.get('security_protocol')} at this port (PARTYGRID_KAFKA_SECURITY_PROTOCOL),"
            " and does it ask for a certificate (PARTYGRID_KAFKA_CERT_FILE)?"
        )
    if isinstance(cause, FileNotFoundError | PermissionError):
        return (
            "a certificate or key cannot be read: look at PARTYGRID_KAFKA_CA_FILE,"
            " PARTYGRID_KAFKA_CERT_FILE and PARTYGRID_KAFKA_KEY_FILE"
        )
    return ""


def _root(fault: BaseException) -> BaseException:
    """Return what kafka-python wrapped."""
    while isinstance(fault, KafkaError):
        inner = fault.args[0] if fault.args else None
        inner = inner if isinstance(inner, BaseException) else fault.__context__
        if inner is None:
            break
        fault = inner
    return fault


def _not_allowed(client: Mapping[str, Any], fault: Exception) -> str:
    what = f" ({fault.args[0]})" if fault.args and fault.args[0] else ""
    kind = "topic" if isinstance(fault, TopicAuthorizationFailedError) else "group or cluster"
    who = client.get("sasl_plain_username") or "without a name"
    return (
        f"the brokers do not let the account {who} use a {kind}{what}: an operator gives it the"
        " rights it must have with `partygrid kafka grant`"
    )
