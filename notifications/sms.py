"""Short messages through a county's gateway: one JSON POST each, believed only when it says so."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

import httpx
from msgspec import Struct, field

from notifications.channels import Failed, Outcome, Rendered, Sent, Unknown

# Refusals that pass by themselves; any other 4xx says that the request itself is wrong.
_PASSING = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.SERVICE_UNAVAILABLE,
    }
)
# Said by a proxy that cannot tell whether the gateway behind it took the message.
_AMBIGUOUS = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT})
# A code, not a sentence: that may repeat the number, and so may a long row of digits.
_CODE = re.compile(r"(?!.*\d{7})[A-Za-z0-9_.:-]{1,40}")


class SmsGateway(Struct, frozen=True, kw_only=True):
    """One gateway: where it is, what is registered with it, how it says yes.

    `templates` maps a notice kind to the template id registered for it (短信模板), `template` is
    for all others. `code_field` of the answer must hold one of `accepted`; one of `passing` may be
    tried again. `timeout` in seconds.
    """

    url: str
    signature: str
    token: str | None = None
    template: str = ""
    templates: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    code_field: str = "code"
    ref_field: str = "message_id"
    accepted: frozenset[str] = frozenset({"0", "OK"})
    passing: frozenset[str] = frozenset()
    timeout: float = 10.0


class SmsChannel:
    """Sends each message as one request under an idempotency key."""

    def __init__(self, gateway: SmsGateway) -> None:
        """Open a client that never reuses a connection: a stale one would look like UNKNOWN."""
        self._gateway = gateway
        self._client = httpx.Client(
            timeout=gateway.timeout,
            limits=httpx.Limits(max_keepalive_connections=0),
            headers={"Authorization": f"Bearer {gateway.token}"} if gateway.token else None,
            trust_env=False,
        )

    def close(self) -> None:
        """Give the client's resources back."""
        self._client.close()

    def send(self, address: str, rendered: Rendered, *, key: str) -> Outcome:
        """Post one message. Silence after the request has left means UNKNOWN."""
        gateway = self._gateway
        body = {
            "to": address,
            "signature": gateway.signature,
            "template": gateway.templates.get(rendered.kind, gateway.template),
            "text": rendered.sms,
        }
        try:
            response = self._client.post(gateway.url, json=body, headers={"Idempotency-Key": key})
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            return Failed(f"no_connection:{type(error).__name__}", retry=True)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            return Failed("bad_gateway_url", retry=False)
        except httpx.HTTPError as error:
            return Unknown(f"no_answer:{type(error).__name__}")
        return self._judge(response)

    def _judge(self, response: httpx.Response) -> Outcome:
        status = response.status_code
        if status in _AMBIGUOUS:
            return Unknown(f"http_{status}")
        if not response.is_success:
            return Failed(f"http_{status}", retry=status in _PASSING)
        return self._believe(response)

    def _believe(self, response: httpx.Response) -> Outcome:
        """Read the answer's own code: gateways say 200 to the request and no to the message."""
        try:
            answer = response.json()
        except ValueError:
            return Unknown("answer_not_json")
        if not isinstance(answer, dict) or self._gateway.code_field not in answer:
            return Unknown("answer_without_code")
        code = str(answer[self._gateway.code_field])
        if code in self._gateway.accepted:
            reference = answer.get(self._gateway.ref_field)
            return Sent(None if reference is None else str(reference))
        said = code if _CODE.fullmatch(code) else "refused"
        return Failed(f"gateway_{said}", retry=code in self._gateway.passing)
