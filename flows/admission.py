"""Admission's flow: work that departments ask of villages is checked against the lists."""

from prefect import flow
from prefect.client.schemas.objects import State

from flows.shift import work_shift


@flow(
    name="admission",
    flow_run_name="{engine}",
    validate_parameters=False,
    persist_result=False,
    retries=0,
)
async def admission(engine: str) -> State:  # noqa: ARG001 - the run is named by it
    """One shift of the admission step. What is decided stands in `flows.decide`."""
    return await work_shift()
