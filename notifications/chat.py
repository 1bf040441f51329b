"""WeCom, DingTalk, Feishu and webhooks, through apprise."""

from notifications.channels import Failed, Outcome, Rendered, Sent

#: Services an address may name. apprise knows many more, and some of them run local programs.
SERVICES = frozenset({"wecombot", "wechat", "dingtalk", "feishu", "lark", "json", "jsons"})


class ChatChannel:
    """Posts into a group or to a webhook; the address is apprise's URL for it.

    apprise answers only yes or no, so a post whose answer was lost is tried again: a group may see
    it twice. Mail and SMS, which reach one person, keep the stricter rule.
    """

    def send(self, address: str, rendered: Rendered, *, key: str) -> Outcome:  # noqa: ARG002 - no service takes a key
        """Post one message; may take apprise's own time limits, several seconds."""
        if address.partition("://")[0].lower() not in SERVICES:
            return Failed("service_not_allowed", retry=False)
        # It takes longer to import than most processes, which never post, take for everything else.
        import apprise  # noqa: PLC0415

        # A new object for each post: apprise would otherwise sleep here between two of them.
        post = apprise.Apprise()
        if not post.add(address):
            return Failed("bad_address", retry=False)
        taken = post.notify(
            title=rendered.subject, body=rendered.text, body_format=apprise.NotifyFormat.TEXT
        )
        return Sent() if taken else Failed("not_taken", retry=True)
