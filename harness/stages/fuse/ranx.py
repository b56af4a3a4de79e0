"""The fusion methods of ranx that need no training, under the names of `ranx.fuse`.

bayesfuse, mapfuse, posfuse, probfuse, segfuse and slidefuse are left out because they learn from judgements. Bassani
and Romelli 2022, doi 10.1145/3511808.3557207; the formulas are in ranx's documentation.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from harness.artifacts.ranx import from_ranx, library, row_names, to_ranx
from harness.artifacts.run import NONE, Run
from harness.stage import Fuser, Runtime
from harness.stages.fuse.base import weights_of

Norm = Literal["min-max", "min-max-inverted", "max", "sum", "zmuv", "rank", "borda"]


class RanxFuser(Fuser):
    """A fusion method of ranx. It gets documents in canonical order, so ties are broken as in all other stages."""

    method: ClassVar[str]
    """The name of the method in ranx."""

    @property
    def recipe(self) -> dict[str, Any]:
        """The recipe with the version of ranx, so that another version never reuses an old run."""
        try:
            return super().recipe | {"provider": f"ranx/{version('ranx')}"}
        except PackageNotFoundError:
            return super().recipe | {"provider": "ranx"}

    def open(self, runtime: Runtime) -> Callable[..., Run]:
        """Import ranx and compile the method; the call takes one Run per fused system.

        Raises MissingLibrary if ranx is not installed.
        """
        del runtime  # ranx uses the threads of numba
        library()

        def call(*runs: Run) -> Run:
            weights = weights_of(getattr(self, "weights", None), runs, self.word())
            documents = np.unique(np.concatenate([run.documents.ravel() for run in runs]))
            documents = documents[documents != NONE]
            if not len(documents):
                return Run.top(np.empty((len(runs[0]), 0)), self.depth, rows=runs[0].rows)
            names, queries = row_names(len(documents)), row_names(len(runs[0]))
            result = self._fuse([to_ranx(_renumbered(run, documents), queries, names) for run in runs], weights)
            fused = from_ranx(result, queries, names, self.depth)
            filled = fused.documents != NONE
            return Run(np.where(filled, documents[fused.documents], NONE).astype(np.int32), fused.scores, runs[0].rows)

        tiny = Run.top(np.array([[1.0, 0.5]]), 2)
        weights = getattr(self, "weights", None) or (1.0,)
        call(*[tiny] * len(weights))  # compiles the method as part of the set-up
        return call

    def _fuse(self, runs: list[Any], weights: Sequence[float]) -> Any:
        options = self.model_dump(exclude={"depth", "norm", "weights"})
        if hasattr(self, "weights"):
            options["weights"] = [float(weight) for weight in weights]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return import_module("ranx.fusion").fusion_switch(self.method)(runs, **options)


class ScoreFuser(RanxFuser):
    """A method that uses scores."""

    norm: Norm | None = "min-max"
    """How the scores of each run are normalised first, by its name in ranx; None leaves them unchanged."""

    def _fuse(self, runs: list[Any], weights: Sequence[float]) -> Any:
        if self.norm is not None:
            normalize = import_module("ranx.normalization").norm_switch(self.norm)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                runs = normalize(runs) if self.norm == "borda" else [normalize(run) for run in runs]
        return super()._fuse(runs, weights)


class WeightedRanxFuser(RanxFuser):
    """A method that weights the runs."""

    weights: tuple[float, ...] | None = None
    """The weight of each run, in the order of `of`; 1 each by default."""


def _renumbered(run: Run, documents: np.ndarray) -> Run:
    """Number the documents of a run by their place in `documents`, so that ranx gets few names, all of one length."""
    places = np.searchsorted(documents, run.documents).astype(np.int32)
    return Run(np.where(run.documents == NONE, np.int32(NONE), places), run.scores, range(len(run)))


class Sum(ScoreFuser):
    """Sums the scores of a document (CombSUM, Fox and Shaw 1994)."""

    method = "sum"


class Min(ScoreFuser):
    """Takes the lowest score among the runs that contain the document (CombMIN, Fox and Shaw 1994)."""

    method = "min"


class Max(ScoreFuser):
    """Takes the highest score (CombMAX, Fox and Shaw 1994)."""

    method = "max"


class Med(ScoreFuser):
    """Takes the median score (CombMED, Fox and Shaw 1994)."""

    method = "med"


class Anz(ScoreFuser):
    """Averages the scores over the runs that contain the document (CombANZ, Fox and Shaw 1994)."""

    method = "anz"


class Mnz(ScoreFuser):
    """Multiplies CombSUM by the number of runs that contain the document (CombMNZ, Fox and Shaw 1994)."""

    method = "mnz"


class Gmnz(ScoreFuser):
    """Multiplies CombSUM by the number of runs with the document to the power of `gamma` (CombGMNZ, Lee 1997)."""

    method = "gmnz"
    gamma: float
    """The exponent of the number of runs that contain the document."""


class Isr(RanxFuser):
    """Multiplies the sum of 1 / rank squared by the number of runs with the document (ISR, Mourão et al. 2015)."""

    method = "isr"


class LogIsr(RanxFuser):
    """Multiplies the sum of 1 / rank squared by the logarithm of the number of runs (Log_ISR, Mourão et al. 2015).

    The number is that of the runs that contain the document, so a document that only one run contains gets 0.
    """

    method = "log_isr"


class LognIsr(RanxFuser):
    """Computes Log_ISR with `sigma` added to the number of runs (LogN_ISR, Mourão et al. 2015)."""

    method = "logn_isr"
    sigma: float = Field(default=0.01, ge=0, le=1)
    """The number added to the number of runs that contain the document."""


class Rbc(RanxFuser):
    """Sums (1 - phi) * phi ^ (rank - 1) over the runs (rank-biased centroid, Bailey et al. 2017)."""

    method = "rbc"
    phi: float = Field(ge=0, lt=1)
    """The persistence: the weight of a rank relative to the rank above it."""


class Rrf(RanxFuser):
    """Computes reciprocal rank fusion with ranx; `fuse: rrf` returns the same without compilation."""

    method = "rrf"
    k: int = Field(default=60, ge=0)
    """The constant added to each rank."""


class Bordafuse(RanxFuser):
    """Awards n points to the first of n documents, n - 1 to the next, … (BordaFuse, Aslam and Montague 2001).

    n is the number of documents in any of the runs; the documents missing from a run share its remaining points.
    """

    method = "bordafuse"


class WeightedBordafuse(WeightedRanxFuser):
    """Weights the points of each run (weighted BordaFuse, Aslam and Montague 2001)."""

    method = "w_bordafuse"


class Mixed(WeightedRanxFuser, ScoreFuser):
    """Multiplies the weighted sum of scores by the square root of the number of runs (Wu and Crestani 2002).

    The number is that of the runs that contain the document.
    """

    method = "mixed"


class Wmnz(WeightedRanxFuser, ScoreFuser):
    """Multiplies CombSUM by the summed weights of the runs with the document (WMNZ, Wu and Crestani 2002)."""

    method = "wmnz"


class Wsum(WeightedRanxFuser, ScoreFuser):
    """Sums the weighted scores with ranx; `fuse: weighted` returns the same without compilation.

    The results are the same with `norm: min-max` here and `normalization: minmax` there, the defaults.
    """

    method = "wsum"


class Condorcet(RanxFuser):
    """Sorts documents by pairwise majority of the runs (CondorcetFuse, Montague and Aslam 2002).

    Majorities can be cyclic, and the result then depends on the order in which documents are compared. ranx uses the
    iteration order of a Python set, which differs between processes; here documents are compared in canonical order.
    """

    method = "condorcet"

    def _fuse(self, runs: list[Any], weights: Sequence[float]) -> Any:
        from numba.typed import List

        name = "weighted_condorcet" if hasattr(self, "weights") else "condorcet"
        module, tables = import_module(f"ranx.fusion.{name}"), [run.run for run in runs]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            queries, results = List(tables[0].keys()), module.get_results(List(tables))
            sets = ({key for table in tables for key in table[query]} for query in tables[0])
            candidates = [List(sorted(names, reverse=True)) if names else _no_names() for names in sets]
            options = [list(weights)] if hasattr(self, "weights") else []
            fused = library().Run()
            fused.run = module._condorcet_parallel(queries, results, candidates, *options)
            return fused


class WeightedCondorcet(WeightedRanxFuser, Condorcet):
    """Weights the votes of each run (weighted CondorcetFuse, Montague and Aslam 2002)."""

    method = "w_condorcet"


def _no_names() -> Any:
    from numba import types
    from numba.typed import List

    return List.empty_list(types.unicode_type)
