"""Errors that are meant for the user: one sentence of what is wrong, one of what to do."""


class StreamprocError(Exception):
    """A failure the user can act on.

    The command line prints `message` and `fix` without a traceback.
    """

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(message if not fix else f"{message}\n  fix: {fix}")
        self.message = message
        self.fix = fix
