"""The intake step's flow: reports are verified, classified, registered, merged, rejected or settled on the spot."""

from prefect import flow
from prefect.client.schemas.objects import State

from flows.shift import work_shift


@flow(name="intake", validate_parameters=False, persist_result=False, retries=0)
async def intake(engine: str) -> State:
    """One shift of the intake step. What is decided stands in `flows.decide`."""
    return await work_shift()
