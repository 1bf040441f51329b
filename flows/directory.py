"""The directory's flow: organisations, people, roles, rosters and app keys change."""

from prefect import flow
from prefect.client.schemas.objects import State

from flows.shift import work_shift


@flow(
    name="directory",
    flow_run_name="{engine}",
    validate_parameters=False,
    persist_result=False,
    retries=0,
)
async def directory(engine: str) -> State:  # noqa: ARG001 - the run is named by it
    """One shift of the directory step. What is decided stands in `flows.decide`."""
    return await work_shift()
