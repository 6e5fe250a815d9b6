import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from depthvla.data.tf_example import make_example, parse_example
from depthvla.data.tfrecord import find_records, masked_crc32c, read_record, write_records


def test_checksums_are_masked_as_tensorflow_masks_them() -> None:
    # By hand from CRC32C("123456789") = 0xe3069283, its published check value.
    crc = 0xE3069283
    assert masked_crc32c(b"123456789") == ((crc >> 15 | crc << 17) + 0xA282EAD8) % 2**32
    # The frame of an empty record, as every TFRecord file with one has it.
    assert struct.pack("<QI", 0, masked_crc32c(bytes(8))) == bytes(8) + bytes.fromhex("29039807")


def test_records_come_back_and_are_found_by_their_frames(tmp_path: Path) -> None:
    path = tmp_path / "a.tfrecord"
    records = [b"", b"one", bytes(1000)]
    write_records(path, records)
    spans, fault = find_records(path)
    assert fault is None
    assert [read_record(path, span) for span in spans] == records


def test_a_file_that_is_cut_off_says_where(tmp_path: Path) -> None:
    path = tmp_path / "a.tfrecord"
    write_records(path, [b"one", b"two", b"three"])
    whole = path.read_bytes()
    for end, said in ((len(whole) - 2, "record 2 is cut off"), (2 * 19 + 5, "within its header")):
        path.write_bytes(whole[:end])
        spans, fault = find_records(path)
        assert len(spans) == 2
        assert fault is not None
        assert said in fault


def test_wrong_checksums_are_found(tmp_path: Path) -> None:
    path = tmp_path / "a.tfrecord"
    write_records(path, [b"one", b"two"])
    whole = bytearray(path.read_bytes())
    whole[12] ^= 1
    path.write_bytes(whole)
    spans, fault = find_records(path)
    assert fault is None
    with pytest.raises(ValueError, match="the checksum of the record at byte 12 is wrong"):
        read_record(path, spans[0])
    assert read_record(path, spans[0], verify=False) == b"nne"
    assert read_record(path, spans[1]) == b"two"
    whole[19] ^= 1
    path.write_bytes(whole)
    spans, fault = find_records(path)
    assert (len(spans), fault) == (1, "record 1: the checksum of its length, at byte 19, is wrong")


def test_an_example_written_is_read_back() -> None:
    example = make_example(
        {
            "x": np.array([[1.5, -2], [3, 4]]),
            "n": np.array([3, -1, 2**40]),
            "b": np.array([True, False]),
            "s": [b"", b"ab"],
        }
    )
    features = parse_example(example)
    assert_array_equal(features["x"].floats(), np.array([1.5, -2, 3, 4], np.float32))
    assert features["x"].count_floats() == 4
    assert_array_equal(features["n"].ints(), [3, -1, 2**40])
    assert_array_equal(features["b"].ints(), [1, 0])
    assert features["s"].texts() == ["", "ab"]
    with pytest.raises(ValueError, match="values of kind 2, expected 3"):
        features["x"].ints()


def test_numbers_one_by_one_and_a_sequence_example() -> None:
    # By hand: float_list { value: 1.5 value: 2.0 } with a tag before each, as proto2 writes it.
    loose = b"\x0d" + struct.pack("<f", 1.5) + b"\x0d" + struct.pack("<f", 2.0)
    feature = b"\x12" + bytes([len(loose)]) + loose
    entry = b"\x0a\x01x\x12" + bytes([len(feature)]) + feature
    features = b"\x0a" + bytes([len(entry)]) + entry
    example = b"\x0a" + bytes([len(features)]) + features
    assert_array_equal(parse_example(example)["x"].floats(), np.array([1.5, 2], np.float32))
    # feature_lists { feature_list { key: "y" value { feature {…} feature {…} } } }: two steps of two values.
    steps = (b"\x0a" + bytes([len(feature)]) + feature) * 2
    entry = b"\x0a\x01y\x12" + bytes([len(steps)]) + steps
    lists = b"\x0a" + bytes([len(entry)]) + entry
    sequence = b"\x12" + bytes([len(lists)]) + lists
    assert_array_equal(parse_example(sequence)["y"].floats(), np.array([1.5, 2, 1.5, 2], np.float32))


def test_bytes_that_are_no_message_are_an_error() -> None:
    example = make_example({"x": np.arange(4.0)})
    with pytest.raises(ValueError, match="reaches beyond the end"):
        parse_example(example[:-3])
    with pytest.raises(ValueError, match="wire type"):
        parse_example(b"\x0a\x02\x0f\x00")
