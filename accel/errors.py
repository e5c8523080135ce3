"""Every failure a user can cause or meet, each with the exit code the command line returns for it."""

from __future__ import annotations

from typing import ClassVar

_SHOWN_CHARACTERS = 80


class AccelError(Exception):
    """The user's input is at fault; the message is one line that names the offender and what is accepted.

    Attributes
    ----------
    exit_code : int
        What ``accel`` exits with: 1 a check failed, 2 the input is at fault, 3 a tool is missing.
    """

    exit_code: ClassVar[int] = 2


class ModelError(AccelError):
    """A network or model file cannot be used: malformed, hostile, or with something unsupported in it."""


class InputError(AccelError):
    """An option, name or data file cannot be used."""


class CapacityError(AccelError):
    """Something does not fit; the message gives what is needed and what there is."""


class UnsupportedError(AccelError):
    """A machine, kernel or target does not do this; the message names it and what is supported.

    Attributes
    ----------
    op : str
        The operator it does not do, where it is one.
    """

    def __init__(self, message: str, *, op: str = "") -> None:
        super().__init__(message)
        self.op = op


class CheckError(AccelError):
    """A check ran and failed: a mismatch, a missed target, missed timing."""

    exit_code: ClassVar[int] = 1


class ToolError(AccelError):
    """An outside tool is missing; the message gives the line that installs it."""

    exit_code: ClassVar[int] = 3


def shown(value: object) -> str:
    r"""Return ``value`` quoted for a one-line message: control characters escaped, the middle of long text left out.

    Both ends stay, so a path still ends in its file's name.

    >>> shown("conv\n1")
    "'conv\\n1'"
    """
    text = value if isinstance(value, str) else str(value)
    if len(text) > _SHOWN_CHARACTERS:
        half = _SHOWN_CHARACTERS // 2
        text = f"{text[: half - 1]}…{text[-half:]}"
    return ascii(text) if not text.isprintable() else repr(text)


def did_you_mean(name: str, known: list[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest known name, or the list of what is known."""
    import difflib

    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(known)}"
