"""Assignment's flow: work is given out, taken, done, checked and sent back."""

from prefect import flow
from prefect.client.schemas.objects import State

from flows.shift import work_shift


@flow(
    name="assignment",
    flow_run_name="{engine}",
    validate_parameters=False,
    persist_result=False,
    retries=0,
)
async def assignment(engine: str) -> State:  # noqa: ARG001 - the run is named by it
    """One shift of the assignment step. What is decided stands in `flows.decide`."""
    return await work_shift()
