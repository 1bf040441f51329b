"""`POST /identities`: who somebody is goes into the vault, and a pseudonym comes back."""

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter
from msgspec import Meta, Struct
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse

from models.tokens import Door
from models.vault import SealedIdentity, Vault
from partygrid.clock import Clock
from web.bodies import bounded
from web.callers import app_at, bearer_of
from web.database import Database
from web.limiter import Limit, Limiter
from web.problems import Problem

#: Bytes of an identity; the vault is no archive.
_LARGEST = 4096

_Line = Annotated[str, Meta(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f]*$")]


class PersonIdentity(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Who a reporter is, or a person of the directory. Only what is needed to reach them."""

    name: _Line | None = None
    #: takes messages; digits, with a country code if it is not a local one
    mobile: Annotated[str, Meta(pattern=r"^\+?\d{5,15}$")] | None = None
    mail: _Line | None = None
    #: where they can be visited
    address: _Line | None = None
    #: in which language they are written to
    language: Literal["zh", "en"] = "zh"


_read = msgspec.json.Decoder(PersonIdentity)


class IdentityDoor:
    """Seals identities. What is posted here is never shown, logged or echoed."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        *,
        limiter: Limiter,
        clock: Clock,
        within: timedelta,
    ) -> None:
        """`within` is how long a body may take to come in."""
        self._database, self._vault = database, vault
        self._limiter, self._clock, self._within = limiter, clock, within

    def routes(self) -> APIRouter:
        """Return the address."""
        router = APIRouter()
        router.add_api_route("/identities", self.post, methods=["POST"])
        return router

    async def post(self, request: Request) -> JSONResponse:
        """Seal an identity and return its pseudonym, to be used as `reporter_ref`."""
        text = bearer_of(request)
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            raise Problem("media_type", "application/json")
        body = await bounded(request, at_most=_LARGEST, within=self._within).body()
        reporter_ref = await run_in_threadpool(self._seal, text, body)
        headers = {"Cache-Control": "no-store"}
        return JSONResponse({"reporter_ref": reporter_ref}, HTTPStatus.CREATED, headers=headers)

    def _seal(self, text: str, body: bytes) -> str:
        now = self._clock.now()
        with self._database.transaction() as cursor:
            caller = app_at(cursor, text, Door.IDENTITIES, now)
            self._limiter.take(Limit.IDENTITIES, caller.source)
            sealed: SealedIdentity = self._vault.seal(identity_of(body))
            cursor.execute(
                "INSERT INTO identities (reporter_ref, key_id, ciphertext, created_at)"
                " VALUES (%s, %s, %s, %s)",
                (sealed.reporter_ref, sealed.key_id, sealed.ciphertext, now),
            )
        return sealed.reporter_ref


def identity_of(body: bytes) -> dict[str, str]:
    """Return a posted identity. Raises `Problem`, which repeats nothing of what was posted."""
    try:
        told: dict[str, str] = msgspec.to_builtins(_read.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Problem("identity") from None
    known = {name: value for name, value in told.items() if value}
    if not known.keys() - {"language"}:
        raise Problem("identity")
    return known
