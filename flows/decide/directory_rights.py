"""Who may change the directory, and where: an administrator no further than the own territory."""

from flows.decide.draft import Draft, Refusal
from flows.decide.rights import Reach, why_not
from models.directory import Org
from models.policy.actions import Action
from models.values import SYSTEM_PREFIX, Step

#: Who enters the first organisations and people of an installation, before anybody has a role.
BOOTSTRAP = f"{SYSTEM_PREFIX}{Step.DIRECTORY}"


def may_change(sheet: Draft, action: Action, codes: tuple[str, ...]) -> Refusal | None:
    """Return why the actor may not change entries that lie at all these places.

    What lies nowhere (a cadre without a home grid) counts as lying where the actor is.
    """
    acting, directory = sheet.acting, sheet.facts.directory
    if acting.actor.startswith(SYSTEM_PREFIX):
        engine = acting.actor == BOOTSTRAP and acting.asserted_by == "system"
        return None if engine else Refusal("role_may_not")
    own = directory.org(acting.org, sheet.now)
    if own is None:
        return Refusal("unknown_organisation", {"org": acting.org})
    territory = _territory(sheet, own)
    for code in dict.fromkeys(filter(None, codes)) or (territory,):
        reach = Reach(code=code)
        if why := why_not(
            acting, action, reach, directory=directory, policy=sheet.policy, on=sheet.now
        ):
            return Refusal(why, {"role": acting.role})
        if not code.startswith(territory):
            return Refusal("outside_territory", {"code": code})
    return None


def _territory(sheet: Draft, org: Org) -> str:
    """Return the code that everything must begin with which this organisation may change."""
    served = sheet.facts.directory.org(org.serves, sheet.now) if org.serves else None
    return served.code if served is not None else org.code
