"""The directory step's flow: organisations, people, roles, duty rosters and app keys change, with dates."""

from prefect import flow
from prefect.client.schemas.objects import State

from flows.shift import work_shift


@flow(name="directory", validate_parameters=False, persist_result=False, retries=0)
async def directory(engine: str) -> State:
    """One shift of the directory step. What is decided stands in `flows.decide`."""
    return await work_shift()
