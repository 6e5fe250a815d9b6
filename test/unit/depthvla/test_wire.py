import numpy as np
import pytest
from numpy.testing import assert_array_equal

from depthvla.runtime.failure import WorkerError
from depthvla.serving.wire import decode, encode
from msgpack_by_hand import pack, unpack


@pytest.mark.parametrize("dtype", ["u1", "<f4", ">f4", "<f8", "<i8", "?", "<f2"])
def test_arrays_go_both_ways_between_us_and_a_codec_that_is_not_ours(dtype: str) -> None:
    array = np.arange(6).reshape(2, 3).astype(dtype)
    for copy in (unpack(encode({"a": array}))["a"], decode(pack({"a": array}))["a"]):
        assert_array_equal(copy, array)
        assert copy.dtype == array.dtype


def test_numbers_of_numpy_and_texts_arrive_as_they_were() -> None:
    message = {"f": np.float32(0.5), "i": np.int64(3), "t": np.str_("open"), "n": None, "l": [1, "a"]}
    back = decode(encode(message))
    assert back == message
    assert type(back["f"]) is np.float32
    assert unpack(encode({"f": np.float32(0.5)})) == {
        "f": {b"__npgeneric__": True, b"data": 0.5, b"dtype": "<f4"}
    }  # fmt: skip


def test_an_array_that_lies_differently_in_memory_is_sent_as_it_looks() -> None:
    array = np.arange(6, dtype=np.int32).reshape(2, 3).T
    assert_array_equal(unpack(encode(array)), array)
    assert unpack(encode(np.zeros((0, 3), np.float32))).shape == (0, 3)


def test_objects_are_neither_sent_nor_taken() -> None:
    with pytest.raises(TypeError, match="arrays of object can't be sent"):
        encode(np.array([{}]))
    with pytest.raises(TypeError, match="a set can't be sent"):
        encode({"a": set()})
    with pytest.raises(WorkerError, match="arrays of complex64 aren't taken"):
        decode(pack({b"__npgeneric__": True, b"data": 1, b"dtype": "<c8"}))
