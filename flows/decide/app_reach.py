"""How far an app may speak: about its territories, about marked cases only where it is let. Pure.

Beside the person's right, not instead of it. What an event names itself was asked when it came in;
where its case lies is known only here.
"""

from events.contract.envelope import Event
from events.topics import says_marked
from flows.decide.draft import Draft, Refusal
from models.directory import within
from models.values import Mark


def beyond_app(sheet: Draft, event: Event, *places: str, mark: Mark = Mark.NONE) -> Refusal | None:
    """Return why the app that signed the event may not speak of something at these places.

    One of them within its territories is enough. The engine has no registration, and a token is
    asked at its door. A key that ended while its event waited counts as it was.
    """
    app = sheet.facts.directory.last_app(event.key_id, sheet.now)
    if app is None:
        return None
    if places and not any(within(app.territories, place) for place in places):
        return Refusal("outside_app", {"app": app.source})
    if (mark is not Mark.NONE or says_marked(event.data)) and not app.restricted:
        return Refusal("app_not_restricted", {"app": app.source})
    return None
