"""The admission step's flow: work that departments want villages to do is checked against the lists."""

from prefect import flow
from prefect.client.schemas.objects import State

from flows.shift import work_shift


@flow(name="admission", validate_parameters=False, persist_result=False, retries=0)
async def admission(engine: str) -> State:
    """One shift of the admission step. What is decided stands in `flows.decide`."""
    return await work_shift()
