"""The errors with which the sandbox rejects content and requests."""


class Invalid(ValueError):
    """StackStorm rejects it too."""


class Unsupported(Invalid):
    """StackStorm supports it, the sandbox does not."""


class NotFound(Exception):
    """StackStorm's StackStormDBObjectNotFoundError."""
