"""A node's attributes: typed, each asked for by name, and refused when nobody asks for one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import onnx
from google.protobuf.message import Message

from accel.errors import ModelError, shown
from accel.limits import MAX_NAME_CHARACTERS

_A = onnx.AttributeProto
_GRAPHS = (_A.GRAPH, _A.GRAPHS)


def text_of(message: Message, field: str, what: str) -> str:
    """Return a string field of a protobuf message, refusing what is not UTF-8, not printable or too long."""
    return checked_text(getattr(message, field), what)


def checked_text(text: str | bytes, what: str) -> str:
    """Return ``text`` if it can be a name: printable and of bounded length.

    Protobuf hands over bytes where a model's text is not UTF-8.
    """
    if isinstance(text, bytes):
        raise ModelError(f"{what} must be text in UTF-8")
    if len(text) > MAX_NAME_CHARACTERS:
        raise ModelError(
            f"{what} must have at most {MAX_NAME_CHARACTERS:,} characters (accel.limits.MAX_NAME_CHARACTERS), "
            f"not {len(text):,}"
        )
    if not text.isprintable():
        raise ModelError(f"{what} must be printable, not {shown(text)}")
    return text


class Attributes:
    """The attributes of one node.

    Reading one marks it as understood; `finish` refuses those that nobody read, because what they change is unknown.

    Parameters
    ----------
    protos : iterable of AttributeProto

    Raises
    ------
    ModelError
        If a name repeats, or a value is a subgraph or of a type no supported operator has.
    """

    def __init__(self, protos: Iterable[onnx.AttributeProto] = ()) -> None:
        self._values: dict[str, Any] = {}
        self._kinds: dict[str, int] = {}
        self._unread: set[str] = set()
        for proto in protos:
            name = text_of(proto, "name", "an attribute's name")
            if name in self._values:
                raise ModelError(f"attribute {shown(name)} must be given once")
            if proto.type in _GRAPHS:
                raise ModelError(f"attribute {shown(name)} is a subgraph; control flow is not supported")
            if proto.ref_attr_name:
                raise ModelError(
                    f"attribute {shown(name)} refers to a function's attribute; functions are not supported"
                )
            self._values[name] = _value(proto, name)
            self._kinds[name] = proto.type
            self._unread.add(name)

    @classmethod
    def of(cls, **values: int | float | str | list[int]) -> Attributes:
        """Return attributes given in Python, for nodes that the importer makes itself."""
        made = cls()
        for name, value in values.items():
            kinds = {int: _A.INT, float: _A.FLOAT, str: _A.STRING, list: _A.INTS}
            made._values[name], made._kinds[name] = value, kinds[type(value)]
        made._unread = set(values)
        return made

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def _take(self, name: str, kind: int) -> Any:
        self._unread.discard(name)
        if self._kinds[name] != kind:
            wanted, found = _A.AttributeType.Name(kind), self._kinds[name]  # pyright: ignore[reportArgumentType]
            known = _A.AttributeType.values()
            given = _A.AttributeType.Name(found) if found in known else str(found)  # pyright: ignore[reportArgumentType]
            raise ModelError(f"attribute {shown(name)} must be of type {wanted}, not {given}")
        return self._values[name]

    def integer(self, name: str, default: int) -> int:
        """Return an integer attribute."""
        return int(self._take(name, _A.INT)) if name in self else default

    def flag(self, name: str, default: bool) -> bool:
        """Return a 0 or 1 attribute."""
        value = self.integer(name, int(default))
        if value not in (0, 1):
            raise ModelError(f"attribute {shown(name)} must be 0 or 1, not {value}")
        return bool(value)

    def real(self, name: str, default: float) -> float:
        """Return a finite float attribute."""
        value = float(self._take(name, _A.FLOAT)) if name in self else default
        if not abs(value) < float("inf"):
            raise ModelError(f"attribute {shown(name)} must be finite, not {value}")
        return value

    def word(self, name: str, default: str, accepted: Iterable[str]) -> str:
        """Return a string attribute that is one of ``accepted``."""
        value = self._take(name, _A.STRING) if name in self else default
        if value not in accepted:
            raise ModelError(f"attribute {shown(name)} must be {' or '.join(sorted(accepted))}, not {shown(value)}")
        return value

    def integers(self, name: str) -> tuple[int, ...] | None:
        """Return an integer list attribute, or ``None`` if it is absent."""
        return self._take(name, _A.INTS) if name in self else None

    def reals(self, name: str) -> tuple[float, ...] | None:
        """Return a float list attribute, or ``None`` if it is absent."""
        return self._take(name, _A.FLOATS) if name in self else None

    def words(self, name: str) -> tuple[str, ...] | None:
        """Return a string list attribute, or ``None`` if it is absent."""
        return self._take(name, _A.STRINGS) if name in self else None

    def tensor(self, name: str) -> onnx.TensorProto | None:
        """Return a tensor attribute, or ``None`` if it is absent."""
        return self._take(name, _A.TENSOR) if name in self else None

    def ignore(self, *names: str) -> None:
        """Mark attributes as understood that change nothing here."""
        self._unread.difference_update(names)

    def finish(self) -> None:
        """Refuse attributes that nobody read."""
        if self._unread:
            raise ModelError(f"attribute {shown(min(self._unread))} is not supported")


def _value(proto: onnx.AttributeProto, name: str) -> Any:
    kind = proto.type
    if kind == _A.INT:
        return proto.i
    if kind == _A.FLOAT:
        return proto.f
    if kind == _A.STRING:
        return _word(proto.s, name)
    if kind == _A.TENSOR:
        return proto.t
    if kind == _A.INTS:
        return tuple(proto.ints)
    if kind == _A.FLOATS:
        return tuple(proto.floats)
    if kind == _A.STRINGS:
        return tuple(_word(s, name) for s in proto.strings)
    raise ModelError(f"attribute {shown(name)} must be a number, a string, a tensor or a list of numbers or strings")


def _word(value: bytes, name: str) -> str:
    try:
        return checked_text(value.decode(), f"attribute {shown(name)}")
    except UnicodeDecodeError:
        raise ModelError(f"attribute {shown(name)} must be text in UTF-8") from None
