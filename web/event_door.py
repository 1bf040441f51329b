"""`POST /events` and `GET /events/{id}`."""

from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse

from models.policy.reach import EventLimits
from notifications.wording import Language
from partygrid.clock import Clock
from web.bodies import bounded
from web.callers import app_at, bearer_of, caller_of
from web.database import Database
from web.envelopes import BATCH, Posted, read_posted
from web.guard import UNPROVED
from web.languages import language_of
from web.limiter import Limit, Limiter
from web.outcomes import PENDING, Outcome, outcome_of, plain
from web.problems import Problem
from web.taking import Intake, Taken


class EventDoor:
    """Takes events in and says what became of them."""

    def __init__(
        self,
        database: Database,
        intake: Intake,
        *,
        limits: EventLimits,
        limiter: Limiter,
        clock: Clock,
        within: timedelta,
    ) -> None:
        """`within` is how long a body may take to come in."""
        self._database, self._intake = database, intake
        self._limits, self._limiter = limits, limiter
        self._clock, self._within = clock, within

    def routes(self) -> APIRouter:
        """Return the addresses."""
        router = APIRouter()
        router.add_api_route("/events", self.post, methods=["POST"])
        router.add_api_route("/events/{event_id:path}", self.get, methods=["GET"])
        return router

    async def post(self, request: Request) -> JSONResponse:
        """Take one event or a batch. A batch is answered with one result for each, in order."""
        language = spoken(request)
        text = bearer_of(request)
        within = bounded(request, at_most=self._limits.event_bytes, within=self._within)
        body = await within.body()
        posted = read_posted(request.headers, body, at_most=self._limits.batch_items)
        answers = await run_in_threadpool(self._take, text, posted)
        if is_batch(request):
            return _results(request, answers, language)
        (answer,) = answers
        if isinstance(answer, Problem):
            return answer.response(language)
        return _taken(answer)

    def _take(self, text: str, posted: list[Posted | Problem]) -> list[Taken | Problem]:
        now = self._clock.now()
        with self._database.transaction() as cursor:
            return self._intake.take(cursor, posted, caller_of(cursor, text, now), now)

    async def get(self, request: Request, event_id: str) -> JSONResponse:
        """Say what became of an event of the caller's own."""
        outcome = await run_in_threadpool(self._look, bearer_of(request), event_id, spoken(request))
        return JSONResponse(plain(outcome), headers={"Cache-Control": "no-store"})

    def _look(self, text: str, event_id: str, language: Language) -> Outcome:
        with self._database.transaction() as cursor:
            caller = app_at(cursor, text, None, self._clock.now())
            self._limiter.take(Limit.READS, caller.source)
            return outcome_of(cursor, caller.source, event_id, language)


def spoken(request: Request) -> Language:
    """Return the language the caller reads."""
    return language_of(request.headers.get("accept-language", ""))


def is_batch(request: Request) -> bool:
    """Is the body a batch? Then its answer is one too, even of one event or none."""
    kind = request.headers.get("content-type", "").partition(";")[0]
    return kind.strip().lower() == BATCH


def _location(taken: Taken) -> str:
    return f"/events/{quote(taken.event_id, safe='')}"


def _taken(taken: Taken) -> JSONResponse:
    body = plain(Outcome(id=taken.event_id, source=taken.source, fate=PENDING))
    return JSONResponse(body, HTTPStatus.ACCEPTED, headers={"Location": _location(taken)})


def _results(request: Request, answers: list[Taken | Problem], language: Language) -> JSONResponse:
    """Answer a batch; the longest wait of its events is that of the whole."""
    problems = [answer for answer in answers if isinstance(answer, Problem)]
    unproved = sum(problem.status is HTTPStatus.UNAUTHORIZED for problem in problems)
    request.scope.setdefault("state", {})[UNPROVED] = unproved
    wait = max((problem.retry_after for problem in problems), default=0)
    return JSONResponse(
        [_result(answer, language) for answer in answers],
        headers={"Retry-After": str(wait)} if wait else None,
    )


def _result(answer: Taken | Problem, language: Language) -> dict[str, Any]:
    if isinstance(answer, Problem):
        return answer.told(language)
    return {"id": answer.event_id, "status": HTTPStatus.ACCEPTED, "location": _location(answer)}
