"""The command line: arguments only; what a command needs is imported when it runs.

Every ``commands_*.py`` beside this file is found and its ``commands`` joined, so a new command edits no list.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

import accel.app
from accel.errors import AccelError, InputError, shown

_INTERRUPTED = 130


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"accel {version('accel-codesign')}")
        raise typer.Exit


def _options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """One neural network, priced on many accelerators and generated as proven Verilog for one of them."""


def build() -> typer.Typer:
    """Return the application with the commands of every ``commands_*`` module."""
    application = typer.Typer(
        name="accel",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        callback=_options,
    )
    for module in pkgutil.iter_modules(accel.app.__path__):
        if module.name.startswith("commands_"):
            application.add_typer(importlib.import_module(f"accel.app.{module.name}").commands)
    return application


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 a check failed, 2 the input is at fault, 3 a tool is missing.

    Parameters
    ----------
    arguments : sequence of str, optional
        In place of ``sys.argv[1:]``.
    """
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        _refuse_shadows()
        code = build()(given, prog_name="accel", standalone_mode=False)
    except AccelError as error:
        sys.exit(_refuse(error, error.exit_code))
    except typer.TyperException as error:
        sys.exit(_refuse(error.format_message(), AccelError.exit_code))
    except MemoryError:
        sys.exit(_refuse("this needs more memory than there is; give fewer or smaller inputs", AccelError.exit_code))
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()  # the reader left; nothing to say and nobody to say it to
        sys.exit(0)
    sys.exit(code if isinstance(code, int) else 0)


def _refuse_shadows() -> None:
    """Raise `accel.errors.InputError` if something else is found under the name of one of our packages."""
    import importlib.util

    ours = Path(accel.app.__path__[0]).resolve().parents[1]
    for name in ("sim", "hdl"):
        spec = importlib.util.find_spec(name)
        place = None if spec is None else spec.origin or next(iter(spec.submodule_search_locations or ()), None)
        if place is not None and not Path(place).resolve().is_relative_to(ours / name):
            raise InputError(f"{shown(place)} hides accel's package {name!r}; run accel elsewhere or rename it")


def _refuse(error: object, code: int) -> int:
    print("accel: error:", " ".join(str(error).split()), file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
