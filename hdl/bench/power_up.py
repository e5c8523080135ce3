"""Power-up as a simulator of four values can show it: nothing but constants is known before reset."""

from __future__ import annotations

import re


def without_initial_values(text: str) -> str:
    """Return emitted Verilog whose registers and written memories have no initial values; tables keep their words.

    In Icarus Verilog they are undefined until a reset or a write defines them; initial values hide what that forgets.
    """
    return "".join(_of_module(module) for module in re.split(r"(?=^module )", text, flags=re.MULTILINE))


def _of_module(text: str) -> str:
    written = set(re.findall(r"^ +(\S+) ?\[[^\]]*\] <=", text, re.MULTILINE))
    memories = set(re.findall(r"^  reg (?:\[\d+:0\] )?(\S+) ? \[\d+:0\];$", text, re.MULTILINE))
    for name in sorted(written & memories):
        text = re.sub(rf"^    {re.escape(name)} ?\[\d+\] = .*;\n", "", text, flags=re.MULTILINE)
    return re.sub(r"^(  reg (?:\[\d+:0\] )?\S+ *)= [^;]+;$", r"\1;", text, flags=re.MULTILINE)
