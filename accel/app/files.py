"""Output files: written whole or not at all, refused in one line."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import tempfile
from pathlib import Path

from accel.errors import InputError, shown


def check_writable(path: str | Path) -> None:
    """Refuse a path that cannot be written before the work behind it is done; ``-`` is standard output.

    Raises
    ------
    InputError
        If the folder is missing or the path names a folder, a pipe or a block device.
    """
    if str(path) == "-":
        return
    if "\0" in str(path):
        raise InputError(f"output must be a path, not {shown(path)}")
    try:
        target = Path(path).resolve()
        if target.is_dir():
            raise InputError(f"output must be a file, not the folder {shown(path)}")
        if _is_device(Path(path)):
            return
        if not target.parent.is_dir():
            raise InputError(f"folder of output {shown(path)} must exist")
        if not os.access(target.parent, os.W_OK):
            raise InputError(f"folder of output {shown(path)} must be writable")
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: a loop of links
        raise _unwritable(path, error) from None


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
    A link stays a link, and what it points to is written; a device such as ``/dev/null`` is written to, not replaced.

    Raises
    ------
    InputError
        If the path cannot be written, or is ``-``.
    """
    if str(path) == "-":
        raise InputError("output must be a file, since its bytes are no text for standard output")
    check_writable(path)
    target = Path(path).resolve()
    try:
        if _is_device(Path(path)):
            Path(path).write_bytes(data)
            return
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
        raise _unwritable(path, error) from None


def _is_device(path: Path) -> bool:
    """Say whether ``path`` is a character device; refuse pipes, sockets and block devices."""
    if not path.exists() or path.is_file():
        return False
    if not stat.S_ISCHR(path.stat().st_mode):
        raise InputError(f"output must be a file, not the pipe, socket or disk {shown(path)}")
    return True


def _unwritable(path: str | Path, error: Exception) -> InputError:
    why = error.strerror if isinstance(error, OSError) else error
    return InputError(f"output {shown(path)} cannot be written: {why}")


def _mode(target: Path) -> int:
    """Return the mode an ordinary ``open`` would leave, which mkstemp's 0600 is not."""
    if target.exists():
        return target.stat().st_mode & 0o7777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
