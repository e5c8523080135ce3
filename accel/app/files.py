"""Output files: written whole or not at all, refused in one line."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from pathlib import Path

from accel.errors import InputError, shown


def check_writable(path: str | Path) -> None:
    """Refuse a path that cannot be written before the work behind it is done; ``-`` is standard output.

    Raises
    ------
    InputError
        If the folder is missing or the path names a folder.
    """
    if str(path) == "-":
        return
    target = Path(path)
    if "\0" in str(path):
        raise InputError(f"output must be a path, not {shown(path)}")
    try:
        if target.is_dir():
            raise InputError(f"output must be a file, not the folder {shown(path)}")
        if not target.parent.is_dir():
            raise InputError(f"folder of output {shown(path)} must exist")
        if not os.access(target.parent, os.W_OK):
            raise InputError(f"folder of output {shown(path)} must be writable")
    except (OSError, ValueError) as error:
        raise InputError(f"output {shown(path)} cannot be written: {error}") from None


def write(path: str | Path, text: str) -> None:
    """Write ``text`` to ``path`` as UTF-8, atomically; ``-`` prints it to standard output.

    Raises
    ------
    InputError
        If the path cannot be written.
    """
    if str(path) == "-":
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        return
    write_bytes(path, text.encode())


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write ``data`` to ``path``, atomically.

    A reader never sees half a file: the data goes to a temporary file in the same folder, which is then renamed.

    Raises
    ------
    InputError
        If the path cannot be written.
    """
    check_writable(path)
    target = Path(path)
    try:
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:32]}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
            os.chmod(temporary, _mode(target))
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    except (OSError, ValueError) as error:
        raise InputError(f"output {shown(path)} cannot be written: {error}") from None


def _mode(target: Path) -> int:
    """Return the mode an ordinary ``open`` would leave, which mkstemp's 0600 is not."""
    if target.exists():
        return target.stat().st_mode & 0o7777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
