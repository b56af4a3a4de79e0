"""The base class of all stages, and the runtime that they are opened with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict

from harness.artifacts.base import Artifact
from harness.meter import Bill

Side = Literal["document", "query"]

SIDES: tuple[Side, ...] = ("query", "document")
NONE = ""
"""The prompt setting for no prompt."""


@dataclass(frozen=True)
class Runtime:
    """The machine resources that a stage uses. They affect costs but never the fingerprint of an output."""

    device: str = "cpu"
    """The device in torch's notation: `cpu`, `cuda` or `cuda:1`."""
    threads: int = 1
    """The number of CPU threads. Whoever opens and calls a stage sets the thread pools of the libraries to it."""
    batch_size: int | None = None
    """The number of texts per batch; None lets the stage decide."""
    bill: Bill = field(default_factory=Bill, compare=False)
    """What the stages of the run have paid to services; the only mutable part."""


class Stage(BaseModel):
    """The base class of all stages; subclass one of the roles instead.

    The fields of a stage are its settings. A field that cannot change the output must be listed in `inert`. `open` does
    the one-time set-up and returns the function whose calls are timed. A stage has no state, does not know the store,
    and imports heavy libraries only in `open`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False)

    name: ClassVar[str]
    """The name used in a suite, without the role; set by the registry."""
    role: ClassVar[str]
    """The role, such as `encode`; set by the role's base class."""
    takes: ClassVar[tuple[type[Artifact], ...]]
    """The artifact types that the call accepts."""
    gives: ClassVar[type[Artifact]]
    """The artifact type that the call returns."""
    rowwise: ClassVar[bool] = True
    """Whether a call with a slice of the input returns the same slice of the full output."""
    chunk_rows: ClassVar[int] = 8192
    """The number of rows per chunk; chunk boundaries are fixed row numbers, so they never shift between runs."""
    uses_model: ClassVar[bool] = False
    """Whether `open` takes the weights of a model of the suite."""
    needs_model: ClassVar[bool] = True
    """Whether a suite must name that model; ignored unless `uses_model` is true."""
    planned: ClassVar[frozenset[str]] = frozenset()
    """Fields that the plan sets; a suite cannot set them."""
    version: ClassVar[int] = 1
    """The version of the output; increase it when the same settings produce a different output."""
    inert: ClassVar[frozenset[str]] = frozenset()
    """Fields that cannot change the output, such as a budget; they are not part of the fingerprint."""
    releases_gil: ClassVar[bool] = False
    """Whether calls from several threads run in parallel.

    True if a call spends nearly all of its time outside Python's global interpreter lock and writes to no shared state.
    """
    service: ClassVar[bool] = False
    """Whether calls go to a service that may charge for them; such a stage is timed only if the suite allows it."""

    @classmethod
    def word(cls) -> str:
        """Return the stage as a suite writes it, as `role: name`; an unregistered class is named by its class name."""
        return f"{cls.role}: {getattr(cls, 'name', cls.__name__)}"

    @property
    def recipe(self) -> dict[str, Any]:
        """The stage's part of the fingerprint of its output."""
        return {
            "stage": f"{self.role}/{self.name}",
            "version": self.version,
            "settings": self.model_dump(mode="json", exclude=set(self.inert)),
        }

    @property
    def caveat(self) -> str | None:
        """What a reader should know before trusting the output; None if there is nothing to say."""
        return None


class TwoSided(Stage):
    """A stage that processes both documents and queries, possibly with different settings for each side."""

    def on(self, side: Side) -> Self:
        """Return the stage for one side, without the settings of the other side."""
        del side
        return self
