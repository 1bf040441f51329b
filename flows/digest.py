"""The digests' Prefect flow and its schedule. Prefect only wakes it: what is due is a row.

So a run that was missed, or came twice, changes nothing; the office sends what no run has sent.
"""

import asyncio
from datetime import datetime
from threading import Event

from prefect import flow
from prefect.artifacts import acreate_table_artifact
from prefect.client.schemas.objects import ConcurrencyLimitConfig, State
from prefect.deployments.runner import RunnerDeployment
from prefect.runner import Runner
from prefect.schedules import Cron, Schedule
from prefect.states import Completed
from prefect.types.entrypoint import EntrypointType

from flows.digest_issues import Sent, present_moment, rules_of, send_due
from models.policy.reach import DigestRule
from models.policy.schema import Policy
from partygrid import bootstrap
from partygrid.clock import WallClock
from partygrid.embedded.installation import located
from partygrid.settings import read_settings

#: Runs at once: they take turns on the rows anyway.
LIMIT = 1


@flow(name="digest", validate_parameters=False, persist_result=False, retries=0)
async def send(kind: str) -> State:
    """Send every digest that is due; `kind` only says which schedule woke us."""
    sent = await asyncio.to_thread(send_now)
    if sent:
        await acreate_table_artifact(
            key=f"digest-{kind}",
            table=[
                {"place": one.issue.scope, "issue": one.issue.period, "addressees": one.addressees}
                for one in sent
            ],
            description=f"{len(sent)} issues",
        )
    return Completed(message=f"{len(sent)} issues")


def send_now() -> list[Sent]:
    """Send what is due in the installation that this process's settings name."""
    settings = located(read_settings())
    policy = bootstrap.policy_of(settings)
    with bootstrap.connected(settings.address("database_url")) as connection:
        now: datetime = present_moment(connection, WallClock().now())
        return send_due(connection, policy, partitions=settings.partitions, now=now)


def deployments(policy: Policy) -> list[RunnerDeployment]:
    """Return one deployment for each digest of the policy, on its schedule in local time.

    The entry point is a module path: a file path would be loaded as a second module.
    """
    return [
        RunnerDeployment.from_flow(
            send,
            name=kind,
            parameters={"kind": kind},
            schedules=schedules(rule, policy.calendar.timezone),
            concurrency_limit=ConcurrencyLimitConfig(limit=LIMIT),
            tags=["digest"],
            entrypoint_type=EntrypointType.MODULE_PATH,
        )
        for kind, rule in rules_of(policy).items()
    ]


def schedules(rule: DigestRule, timezone: str) -> list[Schedule]:
    """Return when a daily digest is issued, as cron lines in local time."""
    return [Cron(f"{at.minute} {at.hour} * * *", timezone=timezone) for at in sorted(rule.at)]


def serve(policy: Policy, stop: Event) -> None:
    """Serve the deployments until `stop` is set; raises whatever Prefect's client raises."""
    asyncio.run(_serve(policy, stop))


async def _serve(policy: Policy, stop: Event) -> None:
    runner = Runner(name="digests", limit=LIMIT, pause_on_shutdown=False)
    for deployment in deployments(policy):
        await runner.aadd_deployment(deployment)
    serving = asyncio.create_task(runner.start())
    while not stop.is_set() and not serving.done():
        await asyncio.wait([serving], timeout=0.5)
    if not serving.done():
        await runner.astop()
        serving.cancel()
    await asyncio.gather(serving, return_exceptions=stop.is_set())
