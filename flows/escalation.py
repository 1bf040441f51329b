"""Escalation's flow: what is late climbs the ladder, and departments are whistled for."""

from prefect import flow
from prefect.client.schemas.objects import State

from flows.shift import work_shift


@flow(
    name="escalation",
    flow_run_name="{engine}",
    validate_parameters=False,
    persist_result=False,
    retries=0,
)
async def escalation(engine: str) -> State:  # noqa: ARG001 - the run is named by it
    """One shift of the escalation step. What is decided stands in `flows.decide`."""
    return await work_shift()
