"""What every stage is: settings plus `open`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict

from harness.artifacts.base import Artifact
from harness.meter import Bill

Side = Literal["document", "query"]

SIDES: tuple[Side, ...] = ("query", "document")
NONE = ""


@dataclass(frozen=True)
class Runtime:
    """Where and how fast. Never part of a name, always part of a cost."""

    device: str = "cpu"
    threads: int = 1
    batch_size: int | None = None
    bill: Bill = field(default_factory=Bill, compare=False)
    """What the stages of the run paid to services; the one part that changes."""


class Stage(BaseModel):
    """Subclass a role below. Fields are the settings that change the output; those that cannot are named in `inert`.

    `open` does the once-only work and returns the function whose calls are timed. A stage holds no state, knows no
    store and imports nothing heavy before `open`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False)

    name: ClassVar[str]
    """The word in the suite, given by the registry."""
    role: ClassVar[str]
    takes: ClassVar[tuple[type[Artifact], ...]]
    """What may flow in."""
    gives: ClassVar[type[Artifact]]
    rowwise: ClassVar[bool] = True
    """The row law: a call on a slice gives that slice of the answer."""
    chunk_rows: ClassVar[int] = 8192
    """How many rows are made and kept at a time; a border of a chunk is a row number, so it moves for no one."""
    uses_model: ClassVar[bool] = False
    """Whether `open` takes the weights of a model of the suite."""
    needs_model: ClassVar[bool] = True
    """Whether a suite must name that model; ignored unless `uses_model` is true."""
    planned: ClassVar[frozenset[str]] = frozenset()
    """Settings that a plan fills in, and no suite."""
    version: ClassVar[int] = 1
    """Raise it when the same settings start to give another output."""
    inert: ClassVar[frozenset[str]] = frozenset()
    """Fields that cannot change the output, as a budget or where a key lies: no part of its name."""
    releases_gil: ClassVar[bool] = False
    """Whether threads can share its call and get on side by side.

    Nearly all of its time is then spent outside Python's global lock, and it keeps nothing that a call writes to.
    """
    service: ClassVar[bool] = False
    """Whether its calls go to a service, which may be paid: it is timed only where the suite allows it."""

    @classmethod
    def word(cls) -> str:
        """Name the stage as the suite does; a class that no registry named yet, by its own name."""
        return f"{cls.role}: {getattr(cls, 'name', cls.__name__)}"

    @property
    def recipe(self) -> dict[str, Any]:
        """What the stage contributes to the name of its output."""
        return {
            "stage": f"{self.role}/{self.name}",
            "version": self.version,
            "settings": self.model_dump(mode="json", exclude=set(self.inert)),
        }

    @property
    def caveat(self) -> str | None:
        """What a reader should know before trusting what this stage gives; None: nothing."""
        return None


class TwoSided(Stage):
    """A stage that documents and queries both pass through, perhaps with other settings on each side."""

    def on(self, side: Side) -> Self:
        """Return the stage as it stands on one side, without the settings of the other."""
        del side
        return self
