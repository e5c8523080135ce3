"""Files that are no models, and data outside the model's file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto

from benchmarks.import_samples import floats
from benchmarks.import_samples.refused.case import Case, saved


def cases() -> list[Case]:
    """Return the cases of this file."""
    return [*_files(), *_external_data()]


def _files() -> list[Case]:
    good = floats.lenet().SerializeToString()
    rng = np.random.default_rng(0)
    nested = b""
    for _ in range(300):  # a graph in an attribute of a node of a graph ...
        attribute = b"\x32" + _varint(len(nested)) + nested
        node = b"\x2a" + _varint(len(attribute)) + attribute
        nested = b"\x0a" + _varint(len(node)) + node

    def folder_instead(folder: Path) -> Path:
        (folder / "model.onnx").mkdir()
        return folder / "model.onnx"

    def huge(folder: Path) -> Path:
        path = folder / "model.onnx"
        with path.open("wb") as file:
            file.truncate(2 * 10**9 + 1)  # a hole: no space is used
        return path

    return [
        saved("empty file", "no graph", b""),
        saved("text", "do not parse", b"this is not a model, it is a line of text\n"),
        saved("noise", "do not parse", rng.bytes(5000)),
        saved("truncated", "do not parse", good[: len(good) // 2]),
        saved("nested 300 deep", "do not parse", b"\x3a" + _varint(len(nested)) + nested),
        Case("absent file", "model.onnx", lambda folder: folder / "model.onnx"),
        Case("a folder", "model.onnx", folder_instead),
        Case("larger than the limit", "2,000,000,000 bytes", huge),
    ]


def _varint(number: int) -> bytes:
    encoded = b""
    while number > 127:
        encoded, number = encoded + bytes([number & 127 | 128]), number >> 7
    return encoded + bytes([number])


def _external_data() -> list[Case]:
    def case(name: str, fragment: str, location: str, prepare: Callable[[Path], Any] = lambda folder: None,
             **entries: str) -> Case:  # fmt: skip
        def write(folder: Path) -> Path:
            inside = folder / "inside"
            inside.mkdir()
            (folder / "secret.bin").write_bytes(bytes(1000))
            prepare(inside)
            model = onnx.ModelProto()
            model.CopyFrom(floats.lenet())
            tensor = model.graph.initializer[0]
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
            for key, value in {"location": location, **entries}.items():
                tensor.external_data.add(key=key, value=value)
            path = inside / "model.onnx"
            path.write_bytes(model.SerializeToString())
            return path

        return Case(f"external data {name}", fragment, write)

    def link(folder: Path) -> None:
        (folder / "data.bin").symlink_to(folder.parent / "secret.bin")

    def loop(folder: Path) -> None:
        (folder / "data.bin").symlink_to(folder / "data.bin")

    def short(folder: Path) -> None:
        (folder / "data.bin").write_bytes(bytes(20))

    def long(folder: Path) -> None:
        (folder / "data.bin").write_bytes(bytes(2000))

    return [
        case("above the folder", "inside the model's folder", "../secret.bin"),
        case("at an absolute path", "inside the model's folder", "/etc/hostname"),
        case("through a symbolic link", "inside the model's folder", "data.bin", link),
        case("in a loop of links", "cannot be read", "data.bin", loop),
        case("absent", "cannot be read", "data.bin"),
        case("a folder", "inside the model's folder", "."),
        case("with a null byte", "cannot be read", "data\0.bin"),
        case("truncated", "108 bytes", "data.bin", short),
        case("negative offset", "whole number", "data.bin", long, offset="-4"),
        case("offset in words", "whole number", "data.bin", long, offset="9" * 5000),
        case("offset past the end", "2,000", "data.bin", long, offset="1999"),
        case("of another length", "108 bytes", "data.bin", long, length="100"),
    ]
