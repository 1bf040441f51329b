"""Making this very process a client of the installation's Prefect server."""

import os

from partygrid.embedded.prefect_server import client_environment
from partygrid.settings import Settings


def speak_to_prefect(settings: Settings) -> None:
    """Set what Prefect's library reads, which it does once: call this before it is imported."""
    auth = settings.prefect_api_auth
    os.environ.update(
        client_environment(
            api_url=settings.address("prefect_api_url"),
            auth=auth.get_secret_value() if auth else None,
            home=settings.home / "prefect-client",
        )
    )
