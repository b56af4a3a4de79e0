"""The description of the machine is cheap, stable, and never fails; defaults say why."""

import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

import harness
from harness import machine
from harness.errors import UserError


@pytest.fixture(autouse=True)
def fresh():
    """Nothing remembered, before and after."""
    for remembered in (machine.describe, machine._compute_capability):
        remembered.cache_clear()
    yield
    for remembered in (machine.describe, machine._compute_capability):
        remembered.cache_clear()


@pytest.fixture
def files(monkeypatch):
    """A file system of these contents, in place of the real one; the CPU's first."""
    known = {}
    monkeypatch.setattr(machine, "_read", lambda path: known.get(path.as_posix()))
    return known


def made(monkeypatch, **changes):
    """Let the machine be described with these changes."""
    found = replace(machine.describe(), **changes)
    monkeypatch.setattr(machine, "describe", lambda: found)


def test_this_machine():
    found = machine.describe()
    assert found is machine.describe()
    assert len(found.id) == 12
    assert found.cpu
    assert 1 <= found.physical_cores <= found.logical_cores
    assert found.memory_bytes is None or found.memory_bytes > 2**20
    assert set(found.flags) <= set(machine.FLAGS)
    assert machine.threads() == found.physical_cores


def test_describing_is_fast():
    started = time.perf_counter()
    machine.describe()
    machine.library_versions()
    assert time.perf_counter() - started < 0.5  # 15 ms on an idle machine; this one may be busy


def test_nothing_heavy_is_imported():
    code = (
        "import sys; from harness import machine; machine.describe(); machine.default_device(); "
        "machine.default_precision('cpu'); machine.library_versions(); "
        "print([name for name in ('torch', 'numpy', 'pyarrow', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_nothing_can_be_found_out(monkeypatch, files):
    monkeypatch.setattr(machine, "_cpuinfo", dict)
    monkeypatch.setattr(machine, "_output", lambda *command: None)
    monkeypatch.setattr(machine, "_psutil", lambda: None)
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    monkeypatch.delattr("os.sysconf", raising=False)
    found = machine.describe()
    assert found.physical_cores == found.logical_cores >= 1
    assert (found.memory_bytes, found.gpus, found.flags) == (None, (), ())


def test_a_part_of_the_cores(monkeypatch, files):
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0, 1, 4, 5}, raising=False)
    for core, siblings in {0: "0,4", 1: "1,5", 4: "0,4", 5: "1,5"}.items():
        files[f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list"] = siblings
    assert machine._cores() == (2, 4)
    files["/proc/self/cgroup"] = "0::/outer/inner"
    files["/sys/fs/cgroup/outer/inner/cpu.max"] = "max 100000"
    files["/sys/fs/cgroup/outer/cpu.max"] = "150000 100000"
    assert machine._cores() == (2, 2)
    files["/sys/fs/cgroup/cpu.max"] = "50000 100000"
    assert machine._cores() == (1, 1)


def test_limits_of_the_first_control_groups(monkeypatch, files):
    files["/sys/fs/cgroup/cpu/cpu.cfs_quota_us"] = "-1"
    files["/sys/fs/cgroup/cpu/cpu.cfs_period_us"] = "100000"
    assert machine._quota() is None
    files["/sys/fs/cgroup/cpu/cpu.cfs_quota_us"] = "250000"
    assert machine._quota() == 2.5
    files["/sys/fs/cgroup/memory/memory.limit_in_bytes"] = "1048576"
    assert machine._memory() == 1048576
    files["/sys/fs/cgroup/memory.max"] = "4096"
    assert machine._memory() == 4096


def test_the_id_names_the_make_of_the_machine(monkeypatch):
    monkeypatch.setattr(machine, "_cpu", lambda: ("A CPU", ("avx512f",)))
    monkeypatch.setattr(machine, "_cores", lambda: (4, 8))
    monkeypatch.setattr(machine, "_gpus", tuple)
    ids = []
    for memory in (33_000_000_000, 33_100_000_000, 66_000_000_000):  # a kernel more or less, and twice as much
        machine.describe.cache_clear()
        monkeypatch.setattr(machine, "_memory", lambda memory=memory: memory)
        ids.append(machine.describe().id)
    assert ids[0] == ids[1] != ids[2]
    assert ids[0] == "a21eb093cacc"


@pytest.mark.parametrize(
    ("flags", "name", "why"),
    [
        (("avx512_bf16", "avx512f"), "bf16", "avx512_bf16"),
        (("amx_bf16",), "bf16", "amx_bf16"),
        (("avx512f",), "fp32", "not"),
    ],
)
def test_precision_on_a_cpu(monkeypatch, flags, name, why):
    made(monkeypatch, flags=flags)
    found = machine.default_precision("cpu")
    assert found.name == name
    assert why in found.why


@pytest.mark.parametrize(
    ("answer", "name"), [(["8.0"], "bf16"), (["9.0", "7.5"], "fp32"), ([], "bf16"), (["[N/A]"], "bf16")]
)
def test_precision_on_a_gpu(monkeypatch, answer, name):
    monkeypatch.setattr(machine, "_nvidia_smi", lambda what: answer)
    assert machine.default_precision("cuda").name == name


def test_gpus_are_named_by_the_driver_or_by_nvidia_smi(monkeypatch):
    monkeypatch.setattr(machine, "_output", lambda *command: "NVIDIA A10G\nNVIDIA A10G\n")
    monkeypatch.setattr(Path, "glob", lambda self, pattern: iter(()))
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert machine._gpus() == ()
    monkeypatch.setattr("shutil.which", lambda name: name)
    assert machine._gpus() == ("NVIDIA A10G", "NVIDIA A10G")
    monkeypatch.setattr(Path, "glob", lambda self, pattern: iter([Path("a/information")]))
    monkeypatch.setattr(machine, "_read", lambda path: "Model: \t\t NVIDIA H100\nIRQ: 5")
    assert machine._gpus() == ("NVIDIA H100",)


def test_the_device(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    made(monkeypatch, gpus=())
    assert (machine.default_device(), machine.default_device("cpu")) == ("cpu", "cpu")
    with pytest.raises(UserError, match="'cuda' is requested, but no NVIDIA GPU was found"):
        machine.default_device("cuda")
    with pytest.raises(UserError, match=r"no device 'cud'; did you mean 'cuda'\?"):
        machine.default_device("cud")


def test_the_device_where_there_is_a_gpu(monkeypatch, tmp_path):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    made(monkeypatch, gpus=("NVIDIA A10G",))
    torch = type("Spec", (), {"submodule_search_locations": [str(tmp_path)]})
    monkeypatch.setattr("importlib.util.find_spec", lambda name: torch)
    with pytest.raises(UserError, match="not built for CUDA"):
        machine.default_device("cuda")
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/libtorch_cuda.so").write_text("")
    assert (machine.default_device(), machine.default_device("cuda")) == ("cuda", "cuda")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert machine.default_device() == "cpu"


def test_library_versions_are_those_installed():
    found = machine.library_versions()
    assert found["numpy"] == __import__("numpy").__version__
    assert "no-such-library" not in found


def git(folder, *words):
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path):
    """A checkout of the harness with one commit."""
    root = tmp_path / "checkout"
    (root / "harness").mkdir(parents=True)
    (root / "harness/a.py").write_text("1")
    (root / "pyproject.toml").write_text('[project]\nname = "retrieval-harness"\n')
    git(root, "init")
    git(root, "add", ".")
    git(root, "commit", "-m", "first")
    return root


def head(root):
    words = ["git", "-C", str(root), "rev-parse", "HEAD"]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


def test_the_commit_of_a_checkout(checkout):
    commit = machine.harness_commit(checkout / "harness")
    assert commit == head(checkout) and len(commit) == 40
    (checkout / "results").mkdir()
    (checkout / "results/run.json").write_text("{}")
    assert machine.harness_commit(checkout / "harness") == commit  # results are not code
    (checkout / "harness/b.py").write_text("2")
    assert machine.harness_commit(checkout / "harness") == f"{commit}-dirty"


def test_the_commit_of_a_worktree(checkout, tmp_path):
    git(checkout, "worktree", "add", str(tmp_path / "tree"))
    git(tmp_path / "tree", "commit", "--allow-empty", "-m", "second")
    assert machine.harness_commit(tmp_path / "tree/harness") == head(tmp_path / "tree") != head(checkout)


def test_a_checkout_without_a_commit_has_none(checkout):
    shutil.rmtree(checkout / ".git")
    assert machine.harness_commit(checkout / "harness") is None
    git(checkout, "init")
    assert machine.harness_commit(checkout / "harness") is None


@pytest.mark.parametrize("project", ['[project]\nname = "another"', "[tool]", "project = 1", "[", None])
def test_a_checkout_of_another_project_is_not_named(checkout, project):
    (checkout / "pyproject.toml").unlink()
    if project is not None:
        (checkout / "pyproject.toml").write_text(project)
    assert machine.harness_commit(checkout / "harness") is None


def test_a_package_installed_inside_a_checkout_is_not_named_by_it(checkout):
    installed = checkout / ".venv/lib/python3/site-packages/harness"
    installed.mkdir(parents=True)
    assert machine.harness_commit(installed) is None


def test_git_that_does_not_answer_names_nothing(checkout, monkeypatch):
    monkeypatch.setattr(machine, "_output", lambda *command: None if "status" in command else "c0ffee")
    assert machine.harness_commit(checkout / "harness") is None


def test_a_run_names_the_commit_of_this_checkout(write_suite, tmp_path):
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        pytest.skip("this is no checkout")
    suite = write_suite("  bm25: [{index: bm25}]")
    results = harness.run(suite, results=tmp_path / "results", store=tmp_path / "store")
    assert results.run["harness"]["commit"] in (head(root), f"{head(root)}-dirty")


def test_a_command_that_fails_is_no_answer():
    assert machine._output("no-such-command-at-all") is None
    assert machine._output(sys.executable, "-c", "raise SystemExit(3)") is None
    assert machine._output(sys.executable, "-c", "print('é')") in ("é", "\ufffd")
