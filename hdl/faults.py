"""Faults planted in emitted Verilog: what a check must find, or it checks nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """An edit of one place in one module of emitted text.

    Attributes
    ----------
    module : str
        Pattern of a module's heading, from its name on.
    place : str
        Pattern of the text that is replaced; its first match in the module is.
    edit : str or callable
        What takes its place, as `re.sub` takes it.
    """

    module: str
    place: str
    edit: str | Callable[[re.Match[str]], str]

    def planted(self, text: str) -> str:
        """Return ``text`` with the fault.

        Raises
        ------
        ValueError
            If there is no such module or place, or the edit changes nothing.
        """
        start = re.search(rf"^module \S*{self.module}", text, re.MULTILINE)
        if start is None:
            raise ValueError(f"module must be one of the text's, not {self.module!r}")
        end = text.index("endmodule", start.end())
        body = text[start.start() : end]
        edited, count = re.subn(self.place, self.edit, body, count=1, flags=re.DOTALL | re.MULTILINE)
        if not count or edited == body:
            raise ValueError(f"place must be one in {self.module!r} that the edit changes, not {self.place!r}")
        return text[: start.start()] + edited + text[end:]
