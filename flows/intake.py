"""Intake's flow: reports are verified, registered, rejected, merged, settled on the spot."""

from prefect import flow
from prefect.client.schemas.objects import State

from flows.shift import work_shift


@flow(
    name="intake",
    flow_run_name="{engine}",
    validate_parameters=False,
    persist_result=False,
    retries=0,
)
async def intake(engine: str) -> State:  # noqa: ARG001 - the run is named by it
    """One shift of the intake step. What is decided stands in `flows.decide`."""
    return await work_shift()
