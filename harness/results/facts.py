"""run.json as typed classes: what was run, where, on which data, and everything that was found besides numbers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from harness.errors import Place, UserError, relative
from harness.results.facts_base import Facts, Number
from harness.results.latency_facts import LatencyFacts


class SuiteFacts(Facts):
    """The suite that was run."""

    name: str | None = None
    file: str | None = None
    """The name of the suite file, without its folder."""
    text: str | None = None
    fingerprint: str | None = None


class HarnessFacts(Facts):
    """The version of this package that ran the suite."""

    version: str | None = None
    commit: str | None = None
    """None outside a git checkout."""


class MachineFacts(Facts):
    """The machine of the run, as `harness.machine.describe` describes it."""

    id: str | None = None
    cpu: str | None = None
    physical_cores: int | None = None
    logical_cores: int | None = None
    memory_bytes: int | None = None
    gpus: list[str] = []
    flags: list[str] = []
    system: str | None = None
    python: str | None = None


class RuntimeFacts(Facts):
    """The device and the number of threads of the stages."""

    device: str | None = None
    threads: int | None = None
    default_precision: str | None = None
    """The precision of models that name none, and the reason for it."""


class HygieneFacts(Facts):
    """The findings of the checks of a data set, one sentence each."""

    findings: list[str] = []


class DatasetFacts(Facts):
    """A data set: its source and settings, its size, and the SHA-256 of its parts."""

    source: str | None = None
    settings: dict[str, Any] = {}
    documents: int | None = None
    queries: int | None = None
    judgements: int | None = None
    corpus: str | None = None
    queries_checksum: str | None = None
    qrels: str | None = None
    spans: str | None = None
    notes: list[str] = []
    origin: dict[str, Any] = {}
    """The metadata that the source publishes, such as the revision of an MTEB task."""
    ignore_identical_ids: bool | None = None
    hygiene: HygieneFacts = HygieneFacts()


class ModelFacts(Facts):
    """The weights of a model; all other keys are its settings."""

    path: str | None = None
    revision: str | None = None
    content: str | None = None
    """The SHA-256 of the weights."""
    pinned: bool | None = None
    """Whether everybody who runs the suite gets the same weights."""

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that the suite gives the model."""
        return {key: value for key, value in self.document().items() if key not in type(self).model_fields}


class PromptFacts(Facts):
    """The text that is put before every query or every document; None where it is not known."""

    text: str | None = None
    set_by: str | None = Field(default=None, alias="from")
    """The suite, or the configuration of the model."""


class StagePrompts(Facts):
    """The prompts of one stage of a system."""

    stage: str | None = None
    model: str | None = None
    for_queries: PromptFacts | None = Field(default=None, alias="query")
    for_documents: PromptFacts | None = Field(default=None, alias="document")


class SystemFacts(Facts):
    """How a system is built."""

    stages: list[dict[str, Any]] = []
    """The stages as the suite writes them."""
    provenance: str | None = None
    """The whole chain in one line, including the systems that this one starts from."""
    prompts: list[StagePrompts] = []


class CheckFacts(Facts):
    """A number that the suite expects, beside the number that was measured."""

    dataset: str
    system: str
    quantity: str
    expected: Number
    within: Number
    value: Number | None
    source: str | None = None
    status: str
    """One of "met", "missed" and "failed"."""


class ChoiceFacts(Facts):
    """The parameters that were chosen for one fold, and the mean they were chosen by."""

    candidate: dict[str, Any]
    fold: int | None = None
    mean: Number | None = None
    queries: int | None = None


class TunedFacts(Facts):
    """A tuned stage of a system: its candidates and the ones that were chosen."""

    dataset: str
    system: str
    stage: str
    measure: str
    on: str
    """The data set whose judgements the choice rests on."""
    folds: int | None = None
    """None or 0 where the judgements are those of another data set."""
    seed: int | None = None
    candidates: list[dict[str, Any]] = []
    chosen: list[ChoiceFacts] = []


class RewrittenFacts(Facts):
    """Queries that a language model rewrote, and the file of its drafts."""

    dataset: str
    systems: list[str]
    stage: str | None = None
    model: str | None = None
    instruction: str | None = None
    queries: int | None = None
    short: int | None = None
    """The number of queries for which the model wrote fewer texts than it was asked for."""
    file: str | None = None


class FilesFacts(Facts):
    """The TREC files; paths are relative to the result folder."""

    qrels: dict[str, str] = {}
    """The path of the judgements, by data set."""
    runs: dict[str, dict[str, str]] = {}
    """The path of the run, by data set and system."""
    passages: dict[str, dict[str, str]] = {}
    """The path of the run of passages, by data set and system."""
    sha256: dict[str, str] = {}
    """The checksum of the unpacked lines, by path."""


class RunFacts(Facts):
    """The whole of run.json."""

    format: int | None = None
    run: str | None = None
    suite: SuiteFacts = SuiteFacts()
    harness: HarnessFacts = HarnessFacts()
    command: str | None = None
    started: str | None = None
    ended: str | None = None
    status: str | None = None
    """Either "complete", or "failed" where any row failed."""
    machine: MachineFacts = MachineFacts()
    runtime: RuntimeFacts = RuntimeFacts()
    libraries: dict[str, str] = {}
    datasets: dict[str, DatasetFacts] = {}
    models: dict[str, ModelFacts] = {}
    measures: list[str] = []
    """The measures, the headline measure first."""
    definitions: dict[str, dict[str, Any]] = {}
    """What each measure means, by measure."""
    systems: dict[str, SystemFacts] = {}
    checks: list[CheckFacts] = []
    warnings: list[str] = []
    services: dict[str, str] = {}
    """The model that a stage calls, by the fingerprint of the stage's node."""
    prices: dict[str, Any] = {}
    runfiles: list[dict[str, Any]] = []
    tuned: list[TunedFacts] = []
    rewritten: list[RewrittenFacts] = []
    latency: dict[str, LatencyFacts] = {}
    """How latency was measured, by data set."""
    files: FilesFacts = FilesFacts()
    manifest: str | None = None

    @classmethod
    def read(cls, document: Mapping[str, Any], file: Path) -> RunFacts:
        """Return the typed content of a run.json; `file` is named in errors.

        Raises UserError, with the file and the key, for a value of the wrong kind.
        """
        try:
            return cls.model_validate(dict(document))
        except ValidationError as error:
            raise UserError(f"damaged: {_fault(error)}", Place(relative(file))) from None


KINDS = {
    "model_type": "an object",
    "dict_type": "an object",
    "list_type": "a list",
    "string_type": "a string",
    "int_type": "a whole number",
    "bool_type": "true or false",
}
"""The kind of value that a key should have had, by pydantic's name of the error."""


def _fault(error: ValidationError) -> str:
    """Describe the first fault in one sentence."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "missing":
        return f"the key {key!r} is missing"
    expected = KINDS.get(first["type"]) or str(first.get("ctx", {}).get("error", first["msg"]))
    return f"the key {key!r} must hold {expected}, not {first['input']!r:.60}"
