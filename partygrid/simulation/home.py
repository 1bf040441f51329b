"""The folder of a simulation: an installation of its own, made from its seed, never one in use."""

import hashlib
import shutil
from pathlib import Path

from models.keys import write_secret
from partygrid.bootstrap import secrets_folder
from partygrid.embedded.installation import sole_owner
from partygrid.embedded.ports import free_port
from partygrid.errors import Refused
from partygrid.settings import Settings

#: Lies in every home that a simulation made, and only there.
MARK = "simulation"
#: Townships of the sample are few: more shards would only mean smaller batches.
PARTITIONS = 2


class NotASimulation(Refused):
    """The folder holds something else than a simulation. Choose another one with --home."""


def simulated(settings: Settings, home: Path) -> Settings:
    """Return the settings of an installation of its own in `home`: no server of anybody else's."""
    given = settings.model_fields_set
    return settings.changed(
        home=home,
        database_url=None,
        kafka_bootstrap=None,
        prefect_api_url=None,
        prefect_api_auth=None,
        secrets_dir=None,
        smtp_host=None,
        sms_gateway_url=None,
        http_port=free_port(settings.http_port),
        partitions=settings.partitions if "partitions" in given else PARTITIONS,
    )


def begin_anew(home: Path) -> None:
    """Remove what an earlier simulation left in its home.

    Raises `NotASimulation`, and `AlreadyRunning` where it still runs.
    """
    if home.exists() and any(home.iterdir()):
        if not (home / MARK).is_file():
            raise NotASimulation(f"{home} holds something else than a simulation.")
        with sole_owner(home):
            shutil.rmtree(home)
    home.mkdir(parents=True, exist_ok=True)
    (home / MARK).touch()


def make_secrets(settings: Settings, seed: int) -> None:
    """Derive the keys that decisions depend on from the seed: tokens of texts, marks on events.

    So two runs of a seed can be compared word by word. For simulations only.
    """
    folder = secrets_folder(settings)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in ("own.key", "text.key"):
        write_secret(folder / name, hashlib.sha256(f"simulation|{seed}|{name}".encode()).digest())
