"""Output folders: made beside their place and renamed into it, so that none is ever half written."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path

from accel.errors import InputError, shown

_CHUNK_BYTES = 1 << 20


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in lower-case hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def check_replaceable(out: Path, ours: Callable[[Path], bool]) -> None:
    """Refuse an output folder that could not be put at ``out`` without harm.

    Parameters
    ----------
    out : Path
    ours : callable
        Says of each entry of an existing folder whether this program wrote it.

    Raises
    ------
    InputError
        If ``out`` is a file, or a folder with something in it that is not ours, or its parent cannot be written.
    """
    try:
        if out.is_symlink() or (out.exists() and not out.is_dir()):
            raise InputError(f"output {shown(out)} must be a folder, not a file or link")
        if out.is_dir():
            foreign = sorted(entry.name for entry in out.iterdir() if not ours(entry))
            if foreign:
                raise InputError(
                    f"output folder {shown(out)} must be new, empty or one that accel made; "
                    f"it holds {shown(foreign[0])}"
                )
        nearest = next(parent for parent in out.absolute().parents if parent.exists())
        if not nearest.is_dir() or not os.access(nearest, os.W_OK):
            raise InputError(f"output folder {shown(out)} cannot be made: {shown(nearest)} is not a writable folder")
    except (OSError, ValueError) as error:
        raise InputError(f"output folder {shown(out)} cannot be used: {shown(error)}") from None


@contextlib.contextmanager
def replacing(out: Path) -> Generator[Path]:
    """Yield a new, empty folder that takes the place of ``out`` when the block ends well.

    What is at ``out`` goes: `check_replaceable` says beforehand whether it may.
    When the block fails, ``out`` is as it was and the new folder is gone.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name[:32]}."))
    except (OSError, ValueError) as error:
        raise InputError(f"output folder {shown(out)} cannot be made: {shown(error)}") from None
    try:
        yield fresh
        mask = os.umask(0)
        os.umask(mask)
        fresh.chmod(0o777 & ~mask)
        if out.exists():
            old = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name[:32]}."))
            out.rename(old / "old")
            fresh.rename(out)
            shutil.rmtree(old)
        else:
            fresh.rename(out)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
