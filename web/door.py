"""The HTTP doors as one application."""

import logging
from datetime import timedelta
from importlib.metadata import version

from fastapi import FastAPI
from jinja2 import Environment, PackageLoader
from msgspec import Struct, field
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from events.evidence import EvidenceStore
from models.policy.schema import Policy
from models.vault import Vault
from partygrid.clock import Clock
from partygrid.errors import PartygridError
from web.counted import DoorMetrics
from web.database import Database
from web.event_door import EventDoor, spoken
from web.evidence_door import EvidenceDoor
from web.guard import Guarded
from web.identity_door import IdentityDoor
from web.limiter import Limiter, allowed_by
from web.noted import Noted, route_of
from web.openapi import Json, description, posted_types
from web.problems import Problem
from web.taking import Intake

log = logging.getLogger(__name__)


class Installation(Struct, frozen=True, kw_only=True):
    """What the doors of one installation are made of."""

    pool: Engine
    policy: Policy
    #: secret with which the installation vouches for events of apps that only have a token
    own_key: bytes
    partitions: int
    vault: Vault
    evidence: EvidenceStore
    clock: Clock
    #: what its process tells Prometheus
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    #: how long a body may take to come in
    within: timedelta = timedelta(seconds=10)
    file_within: timedelta = timedelta(seconds=60)


def create_app(made_of: Installation) -> FastAPI:
    """Return the application. It asks nothing of the network until the first request."""
    app = FastAPI(title="partygrid", openapi_url=None, docs_url=None, redoc_url=None)
    database = Database(made_of.pool)
    policy, clock = made_of.policy, made_of.clock
    metrics = DoorMetrics(made_of.registry)
    limiter = Limiter(allowed_by(policy.limits), metrics)
    intake = Intake(
        policy=policy,
        own_key=made_of.own_key,
        partitions=made_of.partitions,
        limiter=limiter,
    )
    app.include_router(
        EventDoor(
            database,
            intake,
            limits=policy.limits,
            limiter=limiter,
            clock=clock,
            within=made_of.within,
        ).routes()
    )
    app.include_router(
        EvidenceDoor(
            database,
            made_of.evidence,
            limits=policy.limits.evidence,
            limiter=limiter,
            clock=clock,
            within=made_of.file_within,
        ).routes()
    )
    app.include_router(
        IdentityDoor(
            database, made_of.vault, limiter=limiter, clock=clock, within=made_of.within
        ).routes()
    )
    _tell_of_itself(app, database, description(version("partygrid"), policy.limits.evidence.kinds))
    _answer_problems(app)
    app.add_middleware(Guarded, limiter=limiter)
    app.add_middleware(Noted, metrics=metrics)
    return app


def _tell_of_itself(app: FastAPI, database: Database, described: Json) -> None:
    pages = Environment(loader=PackageLoader("web"), autoescape=True, trim_blocks=True)

    @app.get("/")
    async def front() -> HTMLResponse:
        return HTMLResponse(pages.get_template("front.html").render(**described))

    @app.get("/health")
    async def health() -> JSONResponse:
        await run_in_threadpool(_ask, database)
        return JSONResponse({"status": "ok"})

    @app.get("/openapi.json")
    async def openapi() -> JSONResponse:
        return JSONResponse(described)

    @app.get("/docs")
    async def docs() -> HTMLResponse:
        page = pages.get_template("doors.html")
        return HTMLResponse(page.render(**described, kinds=posted_types()))


def _ask(database: Database) -> None:
    with database.transaction() as cursor:
        cursor.execute("SELECT 1")


def _answer_problems(app: FastAPI) -> None:
    """Let everything that is not done be told as a problem."""

    @app.exception_handler(Problem)
    async def problem(request: Request, fault: Problem) -> Response:
        return fault.response(spoken(request))

    @app.exception_handler(PartygridError)
    async def error(request: Request, fault: PartygridError) -> Response:
        return Problem.of_error(fault).response(spoken(request))

    @app.exception_handler(HTTPException)
    async def http(request: Request, fault: HTTPException) -> Response:
        code = "method_not_allowed" if fault.status_code == 405 else "not_found"
        response = Problem(code).response(spoken(request))
        response.headers.update(fault.headers or {})
        return response

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, _: ClientDisconnect) -> Response:
        # Nobody hears it; it is noted as what it was, and is no fault of ours.
        return Problem("too_slow").response(spoken(request))

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, fault: Exception) -> Response:
        # Its message may repeat somebody's words; the kind and the place are enough.
        log.error("%s %s: %s", request.method, route_of(request.scope), type(fault).__name__)
        return Problem("fault").response(spoken(request))
