"""The two ways in which the sandbox says no."""


class Invalid(ValueError):
    """StackStorm would say no, too."""


class Refused(Invalid):
    """StackStorm would do it, the sandbox does not."""
