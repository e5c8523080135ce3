import io
import os
import zipfile

import numpy as np
import pytest

from accel.app import tensors
from accel.errors import InputError
from accel.layers.conv import Conv
from accel.network import Builder


def network(batch_axis=0):
    builder = Builder("one")
    x = builder.input("x", (1, 4, 4), batch_axis=batch_axis)
    builder.output(builder.add(Conv(in_channels=1, out_channels=2, kernel=(3, 3)), x))
    return builder.build()


def npy(array):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array)
    return buffer.getvalue()


def archive(path, **members):
    with zipfile.ZipFile(path, "w") as stream:
        for name, data in members.items():
            stream.writestr(name + ".npy", data)
    return path


def test_arrays_come_back_and_equal_arrays_make_equal_bytes(tmp_path):
    arrays = {"x": np.arange(6, dtype=np.int8).reshape(2, 3), "a/b": np.ones(2, np.float32)}
    tensors.write_npz(tmp_path / "a.npz", arrays)
    tensors.write_npz(tmp_path / "b.npz", arrays)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    back = tensors.read_npz(tmp_path / "a.npz")
    assert back.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(back[name], array)
        assert back[name].dtype == array.dtype


def test_pickles_are_refused_and_never_loaded(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("a pickle ran",))

    np.savez(tmp_path / "bomb.npz", x=np.array([Bomb()], dtype=object))
    with pytest.raises(InputError, match="Python objects"):
        tensors.read_npz(tmp_path / "bomb.npz")


def test_a_header_that_promises_more_than_there_is_is_refused(tmp_path):
    broken = npy(np.zeros(10, np.int8)).replace(b"(10,)", b"(9999")
    lying = npy(np.zeros((10, 1), np.int64)).replace(b"(10, 1)", b"(99, 9)")
    with pytest.raises(InputError, match="promises 7,128 bytes and 80 follow"):
        tensors.read_npz(archive(tmp_path / "lying.npz", x=lying))
    with pytest.raises(InputError, match="readable"):
        tensors.read_npz(archive(tmp_path / "broken.npz", x=broken))


def test_what_unpacks_beyond_the_limit_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(tensors, "MAX_DATA_BYTES", 1000)
    path = archive(tmp_path / "big.npz", x=npy(np.zeros(2000, np.int8)))
    with pytest.raises(InputError, match=r"at most 1,000 bytes unpacked .*MAX_DATA_BYTES"):
        tensors.read_npz(path)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x05\x06" + bytes(18), npy(np.zeros(3))])
def test_other_files_are_refused_in_one_line(tmp_path, content):
    path = tmp_path / "x.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match="data file") as caught:
        tensors.read_npz(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["missing.npz", ".", "nul\0"])
def test_a_bad_path_is_refused(tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="data file"):
        tensors.read_npz(name)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "x.npz")
    with pytest.raises(InputError, match="not a pipe"):
        tensors.read_npz(tmp_path / "x.npz")


def test_inputs_that_do_not_fit_are_refused_with_the_file_and_the_input(tmp_path):
    tensors.write_npz(tmp_path / "x.npz", {"x": np.zeros((2, 4, 4), np.float32)})
    with pytest.raises(InputError, match=r"data file .*x\.npz': input 'x' must have shape \(n, 1, 4, 4\)"):
        tensors.read_inputs(network(), tmp_path / "x.npz")


@pytest.mark.parametrize(("axis", "shape"), [(0, (2, 1, 4, 4)), (1, (1, 2, 4, 4)), (None, (1, 4, 4))])
def test_samples_are_counted_and_taken_on_the_model_s_own_batch_axis(tmp_path, axis, shape):
    x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    tensors.write_npz(tmp_path / "x.npz", {"x": x})
    net = network(axis)
    inputs = tensors.read_inputs(net, tmp_path / "x.npz")
    assert tensors.samples(net, inputs) == (1 if axis is None else 2)
    taken = tensors.take(net, inputs, 3)["x"]
    if axis is None:
        np.testing.assert_array_equal(taken, x)
    else:
        np.testing.assert_array_equal(taken, x.take([0, 1, 0], axis=axis))


@pytest.mark.parametrize(
    "arrays", [{"y": np.zeros(2, int)}, {"labels": np.zeros(3, int)}, {"labels": np.zeros(2, np.float32)}]
)
def test_labels_that_do_not_fit_are_refused(tmp_path, arrays):
    tensors.write_npz(tmp_path / "y.npz", arrays)
    with pytest.raises(InputError, match="labels"):
        tensors.read_labels(tmp_path / "y.npz", 2)
