"""The consultation step's flow: people deliberate: hearings, councils, the four deliberations and two publications."""

from prefect import flow
from prefect.client.schemas.objects import State

from flows.shift import work_shift


@flow(name="consultation", validate_parameters=False, persist_result=False, retries=0)
async def consultation(engine: str) -> State:
    """One shift of the consultation step. What is decided stands in `flows.decide`."""
    return await work_shift()
