"""Products are calculated in full precision, and the setting of the process is as it was afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import numpy as np
import pytest

from harness.artifacts.token_vectors import TokenVectors
from harness.search.full_precision import full_precision
from harness.search.maxsim import MaxSim
from harness.search.similarity import DeviceProducts, Documents


@pytest.fixture
def torch() -> Iterator[Any]:
    """Torch with a precision that a user chose."""
    import torch

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    yield torch
    assert torch.get_float32_matmul_precision() == "medium"
    torch.set_float32_matmul_precision(before)


def test_the_last_thread_to_leave_restores_the_setting(torch: Any) -> None:
    together = Barrier(2, timeout=20)

    def inside(leaves_first: bool) -> str:
        with full_precision:
            together.wait()
            if leaves_first:
                return str(torch.get_float32_matmul_precision())
            other.result()
            return str(torch.get_float32_matmul_precision())

    with ThreadPoolExecutor(2) as pool:
        other = pool.submit(inside, True)
        assert pool.submit(inside, False).result() == other.result() == "highest"


def test_it_is_restored_after_an_error(torch: Any) -> None:
    with pytest.raises(ValueError, match="no"), full_precision:
        assert torch.get_float32_matmul_precision() == "highest"
        raise ValueError("no")


def test_every_product_of_float32_matrices_is_full(torch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every product in `search` is one of `@` or `mm` of two tensors: each is seen with its precision."""
    seen = []
    for kind, name in ((torch.Tensor, "__matmul__"), (torch, "mm")):
        product = getattr(kind, name)

        def noted(*factors: Any, product: Any = product, **more: Any) -> Any:
            seen.append(torch.get_float32_matmul_precision())
            return product(*factors, **more)

        monkeypatch.setattr(kind, name, noted)
    vectors = np.eye(4, dtype=np.float32)
    DeviceProducts(Documents(vectors, np.ones(4), "dot"), "cpu").of(vectors, slice(4))
    tokens = TokenVectors(vectors.astype(np.float16), np.arange(5, dtype=np.int64))
    for device in ("cpu", "cpu:0"):
        maxsim = MaxSim(tokens, device)
        maxsim.every(tokens)
        maxsim.some(tokens, np.zeros((4, 1), np.int32))
    assert len(seen) > 5 and set(seen) == {"highest"}
