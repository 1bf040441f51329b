"""The sample's apps and their keys. The private halves follow from the seed: never for real use."""

import base64
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

from events.contract.directory import AppKeySet
from models.keys import SigningKey
from partygrid.sample.draw import Draw
from partygrid.sample.places import COUNTY, Township
from partygrid.sample.register import Register

HOTLINE = "app/hotline"
VILLAGERS = "app/villagers"
DEPARTMENTS = "app/departments"
CENTRE = "app/centre"
DISCIPLINE = "app/discipline"
DIRECTORY = "app/directory"


class _App(Struct, frozen=True):
    source: str
    name: str
    territory: str
    event_types: tuple[str, ...]
    #: may send marked cases' events
    restricted: bool = False


_REPORTING = ("grid.report.*", "grid.feedback.*")
_WORKING = (
    *_REPORTING,
    "grid.assignment.*",
    "grid.consultation.*",
    "grid.escalation.*",
    "grid.task.*",
    "grid.directory.person_set",
    "grid.directory.duty_set",
)
_COUNTY_APPS = (
    _App(HOTLINE, "12345热线", COUNTY, ("grid.report.*", "grid.escalation.*"), restricted=True),
    _App(VILLAGERS, "群众上报页", COUNTY, (*_REPORTING, "grid.consultation.*"), restricted=True),
    _App(
        DEPARTMENTS,
        "部门办件平台",
        COUNTY,
        (
            "grid.report.filed",
            "grid.report.supplemented",
            "grid.assignment.*",
            "grid.consultation.*",
            "grid.escalation.*",
            "grid.feedback.disputed",
            "grid.task.*",
        ),
        restricted=True,
    ),
    _App(CENTRE, "县综治中心平台", COUNTY, _WORKING, restricted=True),
    _App(DISCIPLINE, "纪检监察平台", COUNTY, _WORKING, restricted=True),
    _App(DIRECTORY, "目录管理平台", COUNTY, ("grid.directory.*",)),
)


def branch_app(township: str) -> str:
    """Return the source of a township's branch app."""
    return f"app/branch-{township}"


def register_apps(register: Register, townships: tuple[Township, ...]) -> Mapping[str, SigningKey]:
    """Enter every app with its key; return the private keys by source."""
    branches = [
        _App(branch_app(t.code), f"{t.name}支部通", t.code, _WORKING, restricted=True)
        for t in townships
    ]
    keys = {}
    for app in (*branches, *_COUNTY_APPS):
        key = _key(register.draw, app.source)
        keys[app.source] = key
        register.apps.append(
            AppKeySet(
                source=app.source,
                name=app.name,
                public_key=base64.b64encode(key.public.raw).decode(),
                territories=(app.territory,),
                event_types=app.event_types,
                restricted=app.restricted,
                valid_from=register.since,
            )
        )
    return keys


def _key(draw: Draw, source: str) -> SigningKey:
    return SigningKey(Ed25519PrivateKey.from_private_bytes(draw.digest("key", source)))
