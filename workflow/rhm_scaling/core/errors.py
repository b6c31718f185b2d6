"""Errors that a user can mend."""


class UserError(Exception):
    """A mistake or a fault that the user can mend; its text is one line and says how."""


class StoppedError(UserError):
    """A job that was asked to stop, and has kept what it needs to go on."""
