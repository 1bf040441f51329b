"""Three families of errors, by who must act. Shells branch on these three only."""


class PartygridError(Exception):
    """Something in partygrid went wrong."""

    def __init__(self, message: str | None = None, **context: object) -> None:
        """Default the message to the class docstring; keep the context as attributes."""
        super().__init__(message or (type(self).__doc__ or "").strip())
        self.context = context
        for name, value in context.items():
            setattr(self, name, value)


class Invalid(PartygridError):
    """The input is bad. It will not get better by trying again."""


class Refused(PartygridError):
    """The rules say no."""


class Unavailable(PartygridError):
    """A server is away. Trying again later may help."""
