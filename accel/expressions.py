"""Constraints such as ``tm * tn <= 480``: parsed with a whitelist, evaluated on numbers or arrays, never executed."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from accel.errors import InputError, did_you_mean, shown

_MAX_CHARACTERS = 1000
_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply, ast.Div: np.true_divide,
    ast.FloorDiv: np.floor_divide, ast.Mod: np.mod,
}  # fmt: skip
_COMPARE: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
_CALLS: Mapping[str, Callable[..., Any]] = {
    "min": np.minimum, "max": np.maximum, "ceil": np.ceil, "floor": np.floor, "log2": np.log2, "abs": np.abs
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression: numbers, names, + - * / // %, comparisons, and, or, not, min, max, ceil, floor, log2, abs.

    Attributes
    ----------
    text : str
    names : frozenset of str
        The names it reads.
    """

    text: str
    names: frozenset[str]
    _tree: ast.expr

    def __call__(self, values: Mapping[str, Any]) -> Any:
        """Return the value for ``values`` by name: a number, or an array when any of them is one."""
        with np.errstate(all="ignore"):
            return _evaluate(self._tree, values)


def parse(text: str, known: list[str] | None = None) -> Expression:
    """Return ``text`` parsed.

    Raises
    ------
    InputError
        If it holds anything but what `Expression` lists, or a name that is not in ``known``.
    """
    if len(text) > _MAX_CHARACTERS:
        raise InputError(f"an expression must have at most {_MAX_CHARACTERS} characters, not {len(text)}")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise InputError(f"an expression must be arithmetic or a comparison, not {shown(text)}") from None
    names: set[str] = set()
    _check(tree, text, names, 0)
    if known is not None:
        for name in sorted(names):
            if name not in known:
                raise InputError(f"expression {shown(text)} names {shown(name)}{did_you_mean(name, known)}")
    return Expression(text, frozenset(names), tree)


def _check(node: ast.expr, text: str, names: set[str], depth: int) -> None:
    children: list[ast.expr]
    if depth > 100:
        raise InputError(f"expression {shown(text)} must not nest deeper than 100")
    match node:
        case ast.Constant(value=int() | float()):
            children = []
        case ast.Name(id=name):
            names.add(name)
            children = []
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            children = [left, right]
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() | ast.Not(), operand=operand):
            children = [operand]
        case ast.BoolOp(values=values):
            children = values
        case ast.Compare(left=left, ops=ops, comparators=others) if all(type(op) in _COMPARE for op in ops):
            children = [left, *others]
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _CALLS:
            wanted = 2 if name in ("min", "max") else 1
            if (wanted == 1) != (len(args) == 1):
                raise InputError(f"expression {shown(text)} gives {name} {len(args)} arguments")
            children = args
        case _:
            raise InputError(
                f"an expression must hold numbers, names, + - * / // %, comparisons, and, or, not, "
                f"{', '.join(_CALLS)}; not {shown(ast.unparse(node))}"
            )
    for child in children:
        _check(child, text, names, depth + 1)


def _evaluate(node: ast.expr, values: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return values[name]
        case ast.BinOp(left=left, op=op, right=right):
            return _BINARY[type(op)](_evaluate(left, values), _evaluate(right, values))
        case ast.UnaryOp(op=op, operand=operand):
            value = _evaluate(operand, values)
            if isinstance(op, ast.Not):
                return np.logical_not(value)
            return -value if isinstance(op, ast.USub) else value
        case ast.BoolOp(op=op, values=parts):
            joined = np.logical_and if isinstance(op, ast.And) else np.logical_or
            result = _evaluate(parts[0], values)
            for part in parts[1:]:
                result = joined(result, _evaluate(part, values))
            return result
        case ast.Compare(left=left, ops=ops, comparators=others):
            first = _evaluate(left, values)
            result: Any = True
            for op, other in zip(ops, others, strict=True):
                second = _evaluate(other, values)
                result = np.logical_and(result, _COMPARE[type(op)](first, second))
                first = second
            return result
        case ast.Call(func=ast.Name(id=name), args=args):
            arguments = [_evaluate(arg, values) for arg in args]
            result = arguments[0] if len(arguments) > 1 else _CALLS[name](arguments[0])
            for arg in arguments[1:]:
                result = _CALLS[name](result, arg)
            return result
        case _:  # unreachable: _check let nothing else through
            raise InputError(f"an expression must not hold {shown(ast.unparse(node))}")
