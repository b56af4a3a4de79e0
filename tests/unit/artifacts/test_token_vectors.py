"""Token vectors: cut, joined, saved at once or piece by piece to the same bits, and mapped into memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.artifacts.token_vectors import TokenVectors, borders

LENGTHS = np.array([3, 0, 5, 1, 40, 2])


def made() -> TokenVectors:
    array = np.random.default_rng(1).standard_normal((LENGTHS.sum(), 8)).astype(np.float16)
    return TokenVectors(array, borders(LENGTHS))


def pieces(whole: TokenVectors) -> list[TokenVectors]:
    return [whole.take(slice(0, 2)), whole.take(slice(2, 3)), whole.take(slice(3, None))]


def same(one: TokenVectors, other: TokenVectors) -> None:
    np.testing.assert_array_equal(one.array, other.array)
    np.testing.assert_array_equal(one.starts, other.starts)
    assert one.rows == other.rows and one.starts.dtype == other.starts.dtype == np.int64


def test_a_slice_knows_its_rows_and_copies_nothing() -> None:
    whole = made()
    part = whole.take(slice(2, 5))
    assert part.rows == range(2, 5) and len(part) == 3 and np.shares_memory(part.array, whole.array)
    for row in range(3):
        np.testing.assert_array_equal(part.tokens(row), whole.tokens(2 + row))
    assert len(whole.take(slice(4, 4))) == 0 and whole.take(slice(4, 4)).starts.tolist() == [0]


def test_slices_join_to_the_whole() -> None:
    same(TokenVectors.join(pieces(made())), made())
    with pytest.raises(ValueError, match="do not follow"):
        TokenVectors.join(pieces(made())[::2])


def test_pieces_are_written_as_the_whole_is(tmp_path: Path) -> None:
    whole = made()
    for name in ("whole", "pieces"):
        (tmp_path / name).mkdir()
    whole.save(tmp_path / "whole")
    TokenVectors.save_joined(iter(pieces(whole)), len(LENGTHS), tmp_path / "pieces")
    for name in ("vectors.npy", "starts.npy"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "pieces" / name).read_bytes()
    loaded = TokenVectors.load(tmp_path / "pieces")
    same(loaded, whole)
    assert isinstance(loaded.array, np.memmap) and not loaded.array.flags.writeable


def test_pieces_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    whole = made()
    with pytest.raises(ValueError, match="do not continue"):
        TokenVectors.save_joined(iter(pieces(whole)[::2]), len(LENGTHS), tmp_path)
    with pytest.raises(ValueError, match="hold 3 rows of 6"):
        TokenVectors.save_joined(iter(pieces(whole)[:2]), len(LENGTHS), tmp_path)
