"""Which machines there are: the files of the ``sim`` folder, their presets, and the user's own files."""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
import pkgutil
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import sim
from accel.errors import AccelError, InputError, did_you_mean, shown
from sim.engine.machine import Machine
from sim.engine.parameters import parse_settings


@functools.cache
def machine_classes() -> dict[str, type[Machine]]:
    """Return every machine class by name: one for each file of the ``sim`` folder that defines one."""
    classes: list[type[Machine]] = []
    for info in pkgutil.iter_modules(sim.__path__):
        if not info.ispkg:
            classes += _defined_in(importlib.import_module(f"sim.{info.name}"))
    return {cls.name: cls for cls in sorted(classes, key=lambda cls: cls.name)}


def machines() -> dict[str, Machine]:
    """Return every machine by name, with its default parameters."""
    return {name: cls() for name, cls in machine_classes().items()}


@functools.cache
def presets() -> dict[str, Machine]:
    """Return every preset by name."""
    return {
        preset: cls(title=preset, **values)
        for cls in machine_classes().values()
        for preset, values in cls.presets.items()
    }


def machine(spec: str | Path | Machine, settings: Sequence[str] = (), **parameters: Any) -> Machine:
    """Return the machine that ``spec`` means, with parameters overridden.

    Parameters
    ----------
    spec : str, Path or Machine
        A machine's or preset's name, a ``FILE.toml`` (a base machine and overrides), a ``FILE.py`` (one Machine
        subclass, or an instance called ``machine``), or an instance.
    settings : sequence of str
        ``parameter=value``, as typed after ``--set``.
    **parameters
        Overrides by name.

    Raises
    ------
    InputError
        If there is no such machine, file or parameter.
    """
    found = spec if isinstance(spec, Machine) else _find(str(spec))
    values = parse_settings(type(found), found.name, settings) | parameters
    return found.with_parameters(**values) if values else found


def to_toml(given: Machine) -> str:
    """Return a machine as the text of a ``FILE.toml`` that `machine` reads back, units and sources as comments."""
    lines = [f'machine = "{given.name}"']
    if given.title != given.name:
        lines.append(f"title = {_toml_value(given.title)}")
    lines += ["", "[parameters]"]
    for known in type(given).parameter_table().values():
        value = _toml_value(getattr(given, known.name))
        about = "; ".join(part for part in (known.unit, known.range_text, known.source) if part)
        lines.append(f"{known.name} = {value}  # {about}")
    return "\n".join(lines) + "\n"


def _find(name: str) -> Machine:
    if name.endswith(".toml"):
        return _from_toml(Path(name))
    if name.endswith(".py"):
        return _from_python(Path(name))
    classes = machine_classes()
    if name in classes:
        return classes[name]()
    if name in presets():
        return presets()[name]
    raise InputError(f"there is no machine {shown(name)}{did_you_mean(name, [*classes, *presets()])}")


def _from_toml(path: Path) -> Machine:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"machine file {shown(path)} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"machine file {shown(path)} is not TOML: {shown(error)}") from None
    for key in data:
        if key not in ("machine", "title", "parameters"):
            raise InputError(f"machine file {shown(path)} holds machine, title and [parameters], not {shown(key)}")
    base, overrides = data.get("machine"), data.get("parameters", {})
    if not isinstance(base, str) or base.endswith((".toml", ".py")):
        raise InputError(f'machine file {shown(path)} must name its base as machine = "NAME"')
    if not isinstance(overrides, dict):
        raise InputError(f"[parameters] of machine file {shown(path)} must be a table")
    title = data.get("title", path.stem)
    if not isinstance(title, str) or not title:
        raise InputError(f"title of machine file {shown(path)} must be text, not {shown(title)}")
    found = _find(base)
    return replace(found.with_parameters(**cast("dict[str, Any]", overrides)), title=title)


def _from_python(path: Path) -> Machine:
    if not path.is_file():
        raise InputError(f"machine file {shown(path)} cannot be read: no such file")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]  # compiled code that is kept names the module
    spec = importlib.util.spec_from_file_location(f"accel_user_machine_{path.stem}_{digest}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    try:
        spec.loader.exec_module(module)
    except AccelError:
        raise
    except Exception as error:
        raise InputError(f"machine file {shown(path)} fails with {type(error).__name__}: {shown(error)}") from None
    given = getattr(module, "machine", None)
    if isinstance(given, Machine):
        return given
    classes = _defined_in(module)
    if len(classes) != 1:
        raise InputError(
            f"machine file {shown(path)} must define one Machine or an instance called machine, not {len(classes)}"
        )
    return classes[0]()


def _defined_in(module: ModuleType) -> list[type[Machine]]:
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Machine) and value.__module__ == module.__name__
    ]


def _toml_value(value: Any) -> str:
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return repr(value)
