"""`POST /evidence` and `GET /evidence/{digest}`: files beside events, never inside them."""

from datetime import timedelta
from http import HTTPStatus

import python_multipart
from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from events.evidence import Evidence, EvidenceKindUnknown, EvidenceMissing, EvidenceStore
from models.policy.reach import EvidenceLimits
from models.tokens import Door
from models.values import DeadLetterReason
from partygrid.clock import Clock
from web.bodies import bounded
from web.callers import app_at, bearer_of
from web.database import Database
from web.limiter import Limit, Limiter
from web.problems import Problem

#: What a form adds around its file at most.
_FORM_BYTES = 4096
#: Name of the file in a form.
_FIELD = "file"


class EvidenceDoor:
    """Keeps files for apps and gives each app back what it brought."""

    def __init__(
        self,
        database: Database,
        store: EvidenceStore,
        *,
        limits: EvidenceLimits,
        limiter: Limiter,
        clock: Clock,
        within: timedelta,
    ) -> None:
        """`within` is how long a file may take to come in."""
        self._database, self._store = database, store
        self._limits, self._limiter = limits, limiter
        self._clock, self._within = clock, within

    def routes(self) -> APIRouter:
        """Return the addresses."""
        router = APIRouter()
        router.add_api_route("/evidence", self.post, methods=["POST"])
        router.add_api_route("/evidence/{digest}", self.get, methods=["GET"])
        return router

    async def post(self, request: Request) -> JSONResponse:
        """Clean and keep a file, sent as the body or as the field `file` of a form."""
        text = bearer_of(request)
        await run_in_threadpool(self._admit, text)
        kept = await run_in_threadpool(self._keep, text, await self._file(request))
        body = {"sha256": kept.digest, "media_type": str(kept.kind), "size": kept.size}
        location = {"Location": f"/evidence/{kept.digest}"}
        return JSONResponse(body, HTTPStatus.CREATED, headers=location)

    def _admit(self, text: str) -> None:
        """Ask for the token before the file is read."""
        with self._database.transaction() as cursor:
            caller = app_at(cursor, text, Door.EVIDENCE, self._clock.now())
        self._limiter.take(Limit.EVIDENCE, caller.source)

    async def _file(self, request: Request) -> bytes:
        largest = max(self._limits.picture_bytes, self._limits.document_bytes)
        if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
            return await bounded(request, at_most=largest, within=self._within).body()
        within = bounded(request, at_most=largest + _FORM_BYTES, within=self._within)
        try:
            async with within.form(max_files=1, max_fields=0) as form:
                file = form.get(_FIELD)
                if not isinstance(file, UploadFile):
                    raise Problem(DeadLetterReason.MALFORMED, f"a form has one file, `{_FIELD}`")
                return await file.read()
        except (HTTPException, python_multipart.exceptions.FormParserError):
            raise Problem(DeadLetterReason.MALFORMED, "the form cannot be read") from None

    def _keep(self, text: str, data: bytes) -> Evidence:
        try:
            kept = self._store.put(data, limits=self._limits)
        except EvidenceKindUnknown:
            raise Problem("evidence_kind", f"taken: {_listed(self._limits)}") from None
        now = self._clock.now()
        with self._database.transaction() as cursor:
            caller = app_at(cursor, text, Door.EVIDENCE, now)
            cursor.execute(
                "INSERT INTO evidence_files (digest, source, kind, size, kept_at)"
                " VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                (kept.digest, caller.source, str(kept.kind), kept.size, now),
            )
        return kept

    async def get(self, request: Request, digest: str) -> Response:
        """Give a file back to the app that brought it."""
        kept, data = await run_in_threadpool(self._fetch, bearer_of(request), digest)
        headers = {
            "Cache-Control": "no-store",
            "Content-Disposition": f'attachment; filename="{kept.digest[:16]}"',
        }
        return Response(data, media_type=str(kept.kind), headers=headers)

    def _fetch(self, text: str, digest: str) -> tuple[Evidence, bytes]:
        with self._database.transaction() as cursor:
            caller = app_at(cursor, text, Door.EVIDENCE, self._clock.now())
            self._limiter.take(Limit.READS, caller.source)
            row = cursor.execute(
                "SELECT 1 FROM evidence_files WHERE digest = %s AND source = %s",
                (digest, caller.source),
            ).fetchone()
        if row is None:
            raise EvidenceMissing
        return self._store.get(digest)


def _listed(limits: EvidenceLimits) -> str:
    return ", ".join(sorted(limits.kinds))
