"""A name is the same for ever: literal values are pinned, so that no change of identity goes unseen."""

import hashlib
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.fingerprint import file_checksum, fingerprint, stamp

PINNED = {
    "52615f822729f4af6dfecc412fb8fafc4af8a05dd89ba4623f8e23a6202e874b": {
        "stage": "index/bm25",
        "version": 1,
        "settings": {"k1": 0.9, "b": 0.4},
    },
    "61a227d0fbc5dd2c3eeba0e832575eae1baf439aecfab68d243642bd94dd9694": ["é", "\U0001f600", "\u2028", ""],
    "07689788adc19a060d72b4382873b346916ef775554f1c0cd71926d49fb92463": [0, -0.0, 1e-7, 1e22, 0.1, True, None],
    "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a": {},
}


@pytest.mark.parametrize("name", PINNED)
def test_pinned(name):
    assert fingerprint(PINNED[name]) == name


@pytest.mark.parametrize(
    ("one", "other"), [(1, "1"), (1, 1.0), (0, False), (None, "null"), ([], {}), ([1, [2]], [1, 2])]
)
def test_what_differs_is_named_apart(one, other):
    assert fingerprint(one) != fingerprint(other)


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"])),
        st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    )
)
def test_the_order_of_keys_does_not_matter(value):
    assert fingerprint(value) == fingerprint(dict(reversed(value.items())))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [-float("inf")]}])
def test_no_number_no_name(value):
    with pytest.raises(ValueError, match="JSON compliant"):
        fingerprint(value)


@pytest.mark.parametrize("value", [{1, 2}, object(), b"bytes"])
def test_never_a_guess(value):
    with pytest.raises(TypeError):
        fingerprint(value)


def test_file_checksum(tmp_path):
    file = tmp_path / "data"
    file.write_bytes(b"abc" * 100_000)
    assert file_checksum(file) == hashlib.sha256(b"abc" * 100_000).hexdigest()
    with pytest.raises(FileNotFoundError):
        file_checksum(tmp_path / "none")


def test_stamp_moves_with_size_and_time(tmp_path):
    file = tmp_path / "data"
    file.write_bytes(b"abc")
    os.utime(file, ns=(1, 1))
    first = stamp(file)
    assert first == [str(file.resolve()), 3, 1]
    file.write_bytes(b"abd")
    os.utime(file, ns=(1, 2))
    assert stamp(file) != first
