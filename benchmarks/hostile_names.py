"""Models whose every name is an attack: ``python -m benchmarks.hostile_names [NAMES]``, by default 100,000.

A small model stands in two forms: with names that are plain tokens, and with a hostile name in the place of each: of
the graph, nodes, tensors, inputs, outputs and open dimensions, in doc strings, metadata and the file's name. Whatever
accel makes of the hostile model must be what it makes of the plain one with the tokens replaced: every Verilog file,
header, constraint and script byte for byte, except that the design is called by an identifier; JSON in every string of
its parsed form; Markdown and HTML line for line and tag for tag; and nothing lands outside of its folder.
"""

from __future__ import annotations

import csv
import html.parser
import io
import json
import re
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import onnx
from amaranth.hdl import UnusedElaboratable
from google.protobuf.message import Message
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from accel import load, reference
from accel.app import generate as generating
from accel.app import tensors
from accel.app.compare import compare
from accel.app.handover import inline
from accel.cell import METADATA_PREFIX
from accel.display import plain as plain_text
from accel.errors import ModelError, shown
from hdl import verilog

ATTACKS = (
    "", " ", "'", '"', "`", "\\", "\n", "\r\n", "\t", "\x00", "\x1b[2J", "\x7f", "\u202e", "\u200b", "\ufeff",
    "\u2028", "é", "🙂", "; rm -rf ~", "$(reboot)", "`reboot`", "${IFS}", "| tee x", "&& false", "> x", "-o", "--help",
    "~", "*", "%s%n", "%00", "[exec reboot]", "[", "{", "}", '"; exit; "', "$env(HOME)", "#", "module", "endmodule",
    "always", "wire", "reg", "input", "\\escaped ", "\\", "/*", "*/", "//", "(* keep *)", '`include "/etc/passwd"',
    "$finish", "$display(1)", ");", "m_data", "accel_core", "clk", "rst", "k0_dense", "../..", "/etc/passwd",
    "C:\\nul", ".", "..", "con", "a/b", ".npy", "x.npy", "file", '","names":{', "}]", "null", "true", "NaN",
    "\\u0000", "</script><script>alert(1)</script>", "<!--", "-->", "&amp;", "&#10;", "<img src=x onerror=y>", "|",
    "**", "](http://x)", "=1+1", "@SUM(A1)", "+1", ",", ";", "'; DROP TABLE t; --", "[bold red]", "[/]", "{0}",
    "{{}}", "%(x)s", "__class__", "a b", "a_b", "a-b", "A_B", "a.b", "a.pe=3", "0", "7up", "σ", "İ", "ﬁ", "a" * 300,
    "☃" * 90,
)  # fmt: skip
"""What has broken quoting somewhere: shells, Tcl, Verilog, file systems, JSON, HTML, Markdown, CSV, terminals."""

NAMES = st.builds(
    lambda parts, tail: "".join(parts) + tail,
    st.lists(st.sampled_from(ATTACKS), min_size=1, max_size=3),
    st.text(st.characters(codec="utf-8"), max_size=3),
)
"""One to three attacks in a row, and any text behind them."""

BLOCKS = 4
TARGET, BOARD = "ecp5-25f", "ulx3s"


def plain_model(blocks: int = BLOCKS) -> onnx.ModelProto:
    """Return a quantised chain of dense layers with a residual sum, every name in it a token of its own."""
    number = 0

    def token() -> str:
        nonlocal number
        number += 1
        return f"zq{number:04d}x"

    initializers: list[TensorProto] = []
    nodes: list[onnx.NodeProto] = []

    def constant(value: Any, dtype: Any) -> str:
        tensor = numpy_helper.from_array(np.array(value, dtype), token())
        tensor.doc_string = token()
        initializers.append(tensor)
        return tensor.name

    def node(op: str, *inputs: str, output: str | None = None) -> str:
        made = helper.make_node(op, inputs, [output or token()], token(), doc_string=token())
        nodes.append(made)
        return made.output[0]

    def requantised(x: str, output: str | None = None) -> str:
        scale, zero = constant(0.5, np.float32), constant(1, np.int8)
        return node("DequantizeLinear", node("QuantizeLinear", x, scale, zero), scale, zero, output=output)

    x, y = token(), token()
    at = first = requantised(x)
    for block in range(blocks):
        scale, zero = constant(0.25, np.float32), constant(0, np.int8)
        weight = node("DequantizeLinear", constant([[1, 2], [3, -4 - block]], np.int8), scale, zero)
        at = requantised(node("Gemm", at, weight))
    requantised(node("Add", at, first), output=y)
    graph = helper.make_graph(
        nodes,
        token(),
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, [token(), 2], doc_string=token())],
        [helper.make_tensor_value_info(y, TensorProto.FLOAT, [token(), 2], doc_string=token())],
        initializers,
        doc_string=token(),
        value_info=[helper.make_tensor_value_info(at, TensorProto.FLOAT, [token(), 2], doc_string=token())],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, doc_string=token())
    model.producer_name, model.producer_version, model.domain = token(), token(), token()
    helper.set_model_props(model, {token(): token() for _ in range(4)})
    return model


FILE = "zq0000x"
"""The token that the plain model's file is called by."""
TOKEN = re.compile(r"zq\d{4}x")


def tokens(model: Message) -> list[str]:
    """Return every token in a model, each once."""
    return sorted({match for text in _strings(model) for match in TOKEN.findall(text)})


def renamed(model: onnx.ModelProto, names: dict[str, str]) -> onnx.ModelProto:
    """Return a copy of a model with its tokens replaced, in the keys of what its metadata says of cells too."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    _rename(copy, names | {f"{METADATA_PREFIX}{old}": f"{METADATA_PREFIX}{new}" for old, new in names.items()})
    return copy


def _strings(message: Message) -> Iterator[str]:
    for field, value in message.ListFields():
        for item in value if field.is_repeated else [value]:
            if isinstance(item, Message):
                yield from _strings(item)
            elif isinstance(item, str):
                yield item


def _rename(message: Message, names: dict[str, str]) -> None:
    for field, value in message.ListFields():
        if not field.is_repeated:
            if isinstance(value, Message):
                _rename(value, names)
            elif isinstance(value, str):
                setattr(message, field.name, names.get(value, value))
            continue
        for i, item in enumerate(value):
            if isinstance(item, Message):
                _rename(item, names)
            elif isinstance(item, str):
                value[i] = names.get(item, item)


def in_tokens(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy of a model with a token in the place of every name in its graph: a plain model."""
    graph = model.graph
    values = [*graph.input, *graph.output, *graph.value_info]
    found = {graph.name, *(value.name for value in (*values, *graph.initializer))}
    found |= {dim.dim_param for value in values for dim in value.type.tensor_type.shape.dim}
    for node in graph.node:
        found |= {node.name, *node.input, *node.output}
    return renamed(model, {name: f"zq{i:04d}x" for i, name in enumerate(sorted(found - {""}), 1)})


def naming(model: onnx.ModelProto, drawn: list[str]) -> dict[str, str]:
    """Return the drawn names for a plain model's tokens, the last for its file.

    They are made unique, since a graph's tensors must have names of their own; and where a name is read they lose what
    cannot be printed, since that is refused (`refused` checks it).
    """
    free, used = unread(model), set[str]()
    names = {FILE: file_stem(drawn[-1])}
    for i, token in enumerate(tokens(model)):
        name = drawn[i] if token in free else "".join(filter(str.isprintable, drawn[i]))
        while not name or name in used:
            name += str(i)
        used.add(name)
        names[token] = name
    return names


def unread(message: Message, all_of_it: bool = False) -> set[str]:
    """Return the tokens that stand where accel reads nothing: doc strings, metadata, what is said of the producer."""
    found: set[str] = set()
    unread_fields = {"doc_string", "metadata_props", "producer_name", "producer_version", "domain"}
    if isinstance(message, onnx.GraphProto):
        unread_fields.add("name")  # a network is called by its file
    for field, value in message.ListFields():
        inside = all_of_it or field.name in unread_fields
        for item in value if field.is_repeated else [value]:
            if isinstance(item, Message):
                found |= unread(item, inside)
            elif isinstance(item, str) and inside:
                found.add(item)
    return found


def refused(model: onnx.ModelProto, names: dict[str, str], token: str, folder: Path) -> str | None:
    """Return in which words a model is refused where a name cannot be printed; ``None`` where nobody reads the name.

    Raises
    ------
    AssertionError
        If it is read and not refused.
    """
    path, name = folder / "refused.onnx", names[token] + "\n"
    onnx.save(renamed(model, {**names, token: name}), path)
    try:
        network = load(path)
    except ModelError as error:
        return str(error)
    assert name not in {network.name, *network.tensors, *(node.name for node in network)}, name
    return None


def file_stem(name: str) -> str:
    """Return a name as far as a file system takes it."""
    stem = name.replace("/", "∕").replace("\0", "␀").encode()[:120].decode(errors="ignore")
    return stem if stem.strip(".") else f"{stem}_"


@dataclass(frozen=True)
class Outcome:
    """What accel made of a model: files of a design by name, and texts by kind."""

    name: str
    files: dict[str, bytes]
    texts: dict[str, str]


def outcome(model: onnx.ModelProto, stem: str, folder: Path, **where: str) -> Outcome:
    """Return what accel makes of a model that lies in a file called ``stem``.onnx."""
    given, out = folder / "in", folder / "out"
    given.mkdir()
    path = given / f"{stem}.onnx"
    onnx.save(model, path)
    design = generating.generate(path, out=out, **where)
    network = load(path)
    inputs = [network.tensors[name] for name in network.inputs]
    x = {tensor.name: np.zeros(np.insert(tensor.shape, tensor.batch_axis, 2), np.float32) for tensor in inputs}
    tensors.write_npz(folder / "y.npz", reference.run(network, x))
    compared = compare(network)
    report = compared.reports[0]
    texts = {
        "npz": json.dumps(sorted(tensors.read_npz(folder / "y.npz"))),
        "result": str(design),
        "report": report.to_json(),
        "comparison": compared.to_json(),
        "csv": compared.to_csv(),
        "markdown": compared.to_markdown(),
        "html": compared.to_html(),
    }
    (folder / "y.npz").unlink()
    found = sorted(entry.relative_to(folder).parts[0] for entry in folder.iterdir())
    if found != ["in", "out"] or [entry.name for entry in given.iterdir()] != [path.name]:
        raise AssertionError(f"files must stay in their folder, not {found}")
    files = {entry.relative_to(out).as_posix(): entry.read_bytes() for entry in out.rglob("*") if entry.is_file()}
    return Outcome(design.manifest.name, files, texts)


def differences(plain: Outcome, hostile: Outcome, names: dict[str, str]) -> Iterator[str]:
    """Yield where the hostile model's outcome is not the plain one's with other names."""
    if plain.files.keys() != hostile.files.keys():
        yield f"files: {sorted(plain.files.keys() ^ hostile.files.keys())}"
        return
    if not re.fullmatch(r"[a-z][a-z0-9_]*", hostile.name):
        yield f"identifier: {hostile.name!r}"
    for name in hostile.files.keys() - {"network.onnx"}:
        want, got = (_anonymous(name, o.files[name].decode()) for o in (plain, hostile))
        if name.endswith(".json"):
            yield from _strings_apart(json.loads(want), json.loads(got), names, hostile.name, name)
        elif name == "README.md":
            yield from _lines_apart(want, got, names, hostile.name)
        elif got != want.replace(plain.name, hostile.name):
            yield f"{name}: {got[:200]!r}"
    for kind in ("report", "comparison", "npz"):
        yield from _strings_apart(json.loads(plain.texts[kind]), json.loads(hostile.texts[kind]), names, "", kind)
    if len(plain.texts["markdown"].splitlines()) != len(hostile.texts["markdown"].splitlines()):
        yield "markdown: other lines"
    rows, wanted_rows = (list(csv.reader(io.StringIO(o.texts["csv"]))) for o in (hostile, plain))
    if [len(row) for row in rows] != [len(row) for row in wanted_rows]:
        yield "csv: other cells"
    if _tags(plain.texts["html"]) != _tags(hostile.texts["html"]):
        yield "html: other tags"
    if not hostile.texts["result"].isprintable():
        yield f"result: {hostile.texts['result']!r}"


def _anonymous(name: str, text: str) -> str:
    """Return a file without the digests of the model's own bytes."""
    if name == "accel_board.v":  # it holds its identity as constants
        return re.sub(r"\d+'h[0-9a-f]+", "", text)
    return re.sub(r"\b([0-9a-f]{64}|[0-9a-f]{32})\b", "", text)


def _strings_apart(plain: Any, hostile: Any, names: dict[str, str], identity: str, where: str) -> Iterator[str]:
    """Yield where two JSON values are not the same but for the names, as they are or as they are shown."""
    if isinstance(plain, dict) and isinstance(hostile, dict):
        renamed_keys = [next(iter(_forms(key, names, identity))) for key in plain]
        if sorted(renamed_keys) != sorted(hostile):
            yield f"{where}: keys {sorted(hostile)}"
            return
        for key, mine in zip(plain, renamed_keys, strict=True):
            yield from _strings_apart(plain[key], hostile[mine], names, identity, f"{where}.{key}")
    elif isinstance(plain, list) and isinstance(hostile, list) and len(plain) == len(hostile):
        for i, (a, b) in enumerate(zip(plain, hostile, strict=True)):
            yield from _strings_apart(a, b, names, identity, f"{where}[{i}]")
    elif hostile not in (_forms(plain, names, identity) if isinstance(plain, str) else (plain,)):
        yield f"{where}: {hostile!r} for {plain!r}"


def _forms(text: str, names: dict[str, str], identity: str) -> tuple[str, ...]:
    """Return what may become of a string: tokens replaced by names, as they are or as shown, or by the identifier."""
    if text == FILE and identity:
        return names[FILE], identity
    return tuple(TOKEN.sub(lambda m, form=form: form(names[m[0]]), text) for form in (str, plain_text, shown))


def _lines_apart(plain: str, hostile: str, names: dict[str, str], identity: str) -> Iterator[str]:
    want, got = plain.splitlines(), hostile.splitlines()
    if len(want) != len(got):
        yield f"README.md: {len(got)} lines instead of {len(want)}"
        return
    for a, b in zip(want, got, strict=True):
        if b not in (TOKEN.sub(lambda m: inline(names[m[0]]), a), a.replace(FILE, identity)):
            yield f"README.md: {b!r}"


class _Tags(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, ...]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, *(name for name, _ in attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.seen.append(("/", tag))

    def handle_comment(self, data: str) -> None:
        self.seen.append(("!", ""))


def _tags(page: str) -> list[tuple[str, ...]]:
    parser = _Tags()
    parser.feed(page)
    parser.close()
    return parser.seen


class Remembered:
    """Emission that is not done again for components that are equal: which Verilog comes of one is a function of it.

    That it is one, whatever the names around it, the tests hold on models emitted in full.
    """

    def __init__(self) -> None:
        self.emit, self.known = verilog.emit, dict[str, list[tuple[Any, str]]]()

    def __call__(self, component: Any, name: str) -> str:
        facts = tuple(
            getattr(component, key, None) for key in ("specs", "links", "inputs", "outputs", "core", "registers")
        )
        for other, text in self.known.setdefault(name, []):
            if generating._same(other, facts):
                return text
        text = self.emit(component, name)
        self.known[name].append((facts, text))
        return text


def attacked(models: int, made: Callable[[onnx.ModelProto, str], Outcome], said: Callable[[int], None]) -> int:
    """Hold the outcomes of hostile models to the plain one's, and return how many names there were.

    Raises
    ------
    AssertionError
        If one differs.
    """
    model = plain_model()
    places = len(tokens(model)) + 1
    plain, done = made(model, FILE), 0

    @seed(0)
    @settings(
        max_examples=models, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.lists(NAMES, min_size=places, max_size=places))
    def attack(drawn: list[str]) -> None:
        nonlocal done
        names = naming(model, drawn)
        found = list(differences(plain, made(renamed(model, names), names[FILE]), names))
        assert not found, found[0]
        done += places
        said(done)

    attack()
    return done


def main() -> None:
    """Draw models until they held as many names as asked for."""
    warnings.simplefilter("ignore", UnusedElaboratable)
    wanted, start = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000, time.perf_counter()
    models = -(-wanted // (len(tokens(plain_model())) + 1))
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(verilog, "emit", Remembered()):

        def made(model: onnx.ModelProto, stem: str) -> Outcome:
            with tempfile.TemporaryDirectory(dir=folder) as own:
                return outcome(model, stem, Path(own), target=TARGET)

        done = attacked(models, made, lambda n: print(f"\r{n:,} names", end="", flush=True))
    print(f"\r{done:,} names in {models:,} models: all as with plain names; {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
