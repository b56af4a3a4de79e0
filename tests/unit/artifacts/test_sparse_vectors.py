"""Sparse rows are cut, joined and written like dense ones, and a file of joined parts has the bits of the whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.artifacts.sparse_vectors import SparseVectors

DENSE = np.array([[0, 2, 0, 1], [0, 0, 0, 0], [3, 0, 0, 0], [0, 0, 4, 5], [0, 0, 0, 0]], np.float32)


def rows_of(dense: np.ndarray, first: int = 0) -> SparseVectors:
    row, dimensions = np.nonzero(dense)
    starts = np.searchsorted(row, np.arange(len(dense) + 1)).astype(np.int64)
    rows = range(first, first + len(dense))
    return SparseVectors(starts, dimensions.astype(np.int32), dense[row, dimensions], dense.shape[1], rows)


def test_it_knows_its_matrix_and_its_density() -> None:
    vectors = rows_of(DENSE)
    np.testing.assert_array_equal(vectors.matrix().toarray(), DENSE)
    assert (len(vectors), vectors.width, vectors.active_dims) == (5, 4, 1.0)
    assert rows_of(DENSE[:0]).active_dims == 0


@pytest.mark.parametrize("part", [slice(0, 2), slice(2, None), slice(1, 2), slice(3, 3), slice(None), slice(4, 99)])
def test_a_slice_holds_its_rows(part: slice) -> None:
    cut = rows_of(DENSE).take(slice(1, None)).take(part)
    np.testing.assert_array_equal(cut.matrix().toarray(), DENSE[1:][part])
    assert cut.rows == range(5)[1:][part]
    assert cut.starts[0] == 0


def parts() -> list[SparseVectors]:
    vectors = rows_of(DENSE)
    return [vectors.take(slice(0, 2)), vectors.take(slice(2, 2)), vectors.take(slice(2, 3)), vectors.take(slice(3, 5))]


def test_slices_join() -> None:
    joined = SparseVectors.join(parts())
    np.testing.assert_array_equal(joined.matrix().toarray(), DENSE)
    assert joined.rows == range(5)
    with pytest.raises(ValueError, match="do not follow"):
        SparseVectors.join(parts()[::3])
    with pytest.raises(ValueError, match="rows of 4 dimensions are joined with others"):
        SparseVectors.join([parts()[0], rows_of(DENSE[2:, :3], 2)])


@pytest.mark.parametrize("dense", [DENSE, DENSE[:0], DENSE[1:2]], ids=["rows", "no rows", "no weights"])
def test_joined_files_have_the_bits_of_the_whole(dense: np.ndarray, tmp_path: Path) -> None:
    whole, pieces = tmp_path / "whole", tmp_path / "pieces"
    whole.mkdir()
    pieces.mkdir()
    vectors = rows_of(dense)
    vectors.save(whole)
    cuts = (vectors.take(slice(at, at + 2)) for at in range(0, max(len(dense), 1), 2))
    SparseVectors.save_joined(cuts, len(dense), pieces)
    assert {path.name: path.read_bytes() for path in whole.iterdir()} == {
        path.name: path.read_bytes() for path in pieces.iterdir()
    }
    again = SparseVectors.load(pieces)
    np.testing.assert_array_equal(again.matrix().toarray(), dense)
    assert isinstance(again.weights, np.memmap) and again.width == 4


@pytest.mark.parametrize(
    ("wrong", "rows"),
    [(parts()[:1] + parts()[2:3] + parts()[2:3], 4), (parts()[:3], 5), ([parts()[0], rows_of(DENSE[2:, :3], 2)], 5)],
    ids=["twice", "too few", "another width"],
)
def test_parts_that_do_not_fit_are_refused(wrong: list[SparseVectors], rows: int, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"do not continue|of 5"):
        SparseVectors.save_joined(iter(wrong), rows, tmp_path)
