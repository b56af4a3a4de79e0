"""Multiply float32 matrices in torch without rounding their factors first."""

from __future__ import annotations

import threading


class FullPrecision:
    """A context in which torch multiplies float32 matrices in float32.

    TF32 would keep 10 bits of each factor, and bf16 would keep 7. The setting belongs to the process: the first thread
    to enter changes it, and the last one to leave restores it.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.inside = 0
        self.previous = "highest"

    def __enter__(self) -> None:
        """Change the setting, unless another thread has."""
        import torch

        with self.lock:
            if not self.inside:
                self.previous = torch.get_float32_matmul_precision()
                torch.set_float32_matmul_precision("highest")
            self.inside += 1

    def __exit__(self, *_: object) -> None:
        """Restore the setting, unless another thread still needs it."""
        import torch

        with self.lock:
            self.inside -= 1
            if not self.inside:
                torch.set_float32_matmul_precision(self.previous)


full_precision = FullPrecision()
