"""Names lead to things: from entry points when they are asked for, from plug-in files, and never to two things."""

import sys
from types import SimpleNamespace

import pytest

from harness.errors import UnknownName, UserError
from harness.registry import DATASETS, STAGES, Registry, load_plugin
from harness.stage import Fuser, Node


class Point:
    """An entry point that counts how often it is loaded."""

    def __init__(self, name, thing):
        self.name, self.thing, self.loads = name, thing, 0

    def load(self):
        self.loads += 1
        if isinstance(self.thing, Exception):
            raise self.thing
        return self.thing


@pytest.fixture
def points(monkeypatch):
    found = [Point("index/bm25", type("Bm25", (), {})), Point("index/bad", ImportError("no such module"))]
    monkeypatch.setattr("harness.registry.entry_points", lambda group: found if group == "g" else [])
    return {point.name: point for point in found}


@pytest.fixture
def names(points):
    return Registry("stage", "g")


def test_an_entry_point_is_loaded_when_it_is_asked_for(names, points):
    assert names.names() == ["index/bad", "index/bm25"]
    assert "index/bm25" in names
    assert points["index/bm25"].loads == 0
    found = names["index/bm25"]
    assert found is names["index/bm25"] is points["index/bm25"].thing
    assert points["index/bm25"].loads == 1


def test_a_class_learns_the_last_part_of_its_name(names):
    assert names["index/bm25"].name == "bm25"
    sources = Registry("source", "none", "source")
    assert sources.register("beir", type("Beir", (), {})).source == "beir"


def test_an_unknown_name_is_answered_with_the_nearest(names):
    with pytest.raises(UnknownName, match=r"there is no stage 'index/bm52'; did you mean 'index/bm25'\?"):
        names["index/bm52"]
    assert "index/bm52" not in names


def test_a_name_is_registered_once(names):
    @names.register("index/mine")
    class Mine:
        pass

    assert names.register("index/mine", Mine) is Mine
    with pytest.raises(ValueError, match="the stage 'index/mine' is registered twice"):
        names.register("index/mine", type("Other", (), {}))
    assert names["index/mine"] is Mine


def test_a_class_under_two_words_has_two_names(names):
    @names.register("index/one", version=1)
    @names.register("index/two", version=2)
    class Mine:
        """Does something."""

    one, two = names["index/one"], names["index/two"]
    assert (one.name, two.name) == ("one", "two")
    assert (one.version, two.version) == (1, 2)
    assert issubclass(one, Mine) and issubclass(two, Mine)
    assert one.__doc__ == two.__doc__ == "Does something."
    assert names.register("index/one", Mine) is names.register("index/two", Mine) is Mine
    assert (names["index/one"].name, names["index/two"].name) == ("one", "two")


@pytest.mark.parametrize("first", ["index/bm25", "index/other"])
def test_two_entry_points_to_one_class_have_two_names(monkeypatch, first):
    kind = type("Bm25", (), {})
    found = [Point("index/bm25", kind), Point("index/other", kind)]
    monkeypatch.setattr("harness.registry.entry_points", lambda group: found)
    names = Registry("stage", "g")
    assert names[first].name == first.removeprefix("index/")
    assert {word: thing.name for word, thing in names.items()} == {"index/bm25": "bm25", "index/other": "other"}


def test_a_stage_under_two_words_has_two_fingerprints(stages):
    class Own(Fuser):
        pass

    stages.register("fuse/one", Own)
    alone = Node(stages["fuse/one"](depth=3)).fingerprint
    stages.register("fuse/two", Own)
    one, two = (Node(stages[f"fuse/{word}"](depth=3)) for word in ("one", "two"))
    assert one.fingerprint == alone != two.fingerprint
    assert [node.recipe["stage"] for node in (one, two)] == ["fuse/one", "fuse/two"]


def test_a_function_under_two_names_has_one_version(names):
    def hit():
        return 1

    names.register("Hit", hit, version=1)
    names.register("Hot", hit, version=1)
    names.register("Hut", hit)
    with pytest.raises(ValueError, match="the stage 'Hat' has version 2, but under another name 1"):
        names.register("Hat", hit, version=2)
    assert hit.version == 1
    assert "Hat" not in names


def test_functions_register_too(names):
    @names.register("Hit")
    def hit():
        return 1

    assert names["Hit"]() == 1


def test_a_plugin_that_fails_takes_nothing_else_down(names):
    with pytest.warns(UserWarning, match="the stage 'index/bad' cannot be loaded: ImportError: no such module"):
        found = dict(names.items())
    assert list(found) == ["index/bm25"]


def test_what_is_registered_goes_before_an_entry_point(names, points):
    mine = names.register("index/bm25", type("Mine", (), {}))
    assert names["index/bm25"] is mine
    assert points["index/bm25"].loads == 0


@pytest.fixture
def stages(monkeypatch):
    """The registry of stages with a copy of its contents, so that a test leaves nothing behind."""
    monkeypatch.setattr(STAGES, "_items", dict(STAGES._items))
    modules = set(sys.modules)
    yield STAGES
    for name in set(sys.modules) - modules:
        if name.startswith("harness_plugin_"):
            del sys.modules[name]


PLUGIN = """
from harness.registry import STAGES

@STAGES.register("search/prefix")
class Prefix:
    k: int = {k}
"""


def test_a_plugin_file_registers_and_may_be_read_twice(stages, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(PLUGIN.format(k=1))
    load_plugin(file)
    assert (stages["search/prefix"].name, stages["search/prefix"].k) == ("prefix", 1)
    load_plugin(file)
    assert "search/prefix" in stages.names()


def test_two_plugins_of_one_file_name_do_not_pass_for_each_other(stages, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text(PLUGIN.format(k=1))
    load_plugin(tmp_path / "a" / "mine.py")
    with pytest.raises(UserError, match="'search/prefix' is registered twice"):
        load_plugin(tmp_path / "b" / "mine.py")


@pytest.mark.parametrize(
    ("code", "message"), [("1 / 0", "ZeroDivisionError"), ("def", "SyntaxError"), ("import nope", "nope")]
)
def test_a_plugin_file_that_fails_is_the_users_error(tmp_path, code, message):
    file = tmp_path / "broken.py"
    file.write_text(code)
    with pytest.raises(UserError, match=message):
        load_plugin(file)
    assert not [name for name in sys.modules if name.startswith("harness_plugin_broken")]


def test_a_missing_plugin_file(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        load_plugin(tmp_path / "none.py")
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(UserError, match="not a Python file"):
        load_plugin(tmp_path / "notes.txt")


def test_what_ships_comes_in_by_entry_points():
    assert {"beir", "ir_datasets"} <= set(DATASETS.names())
    assert "index/bm25" in STAGES.names()
    assert DATASETS["beir"].source == "beir"


def test_a_thing_without_a_module_file_has_an_origin():
    held = Registry("measure", "none")
    one, same, other = (SimpleNamespace(__module__="nowhere", value=value) for value in (1, 1, 2))
    held.register("x", one)
    held.register("x", same)
    assert held["x"] is same
    with pytest.raises(ValueError, match="the measure 'x' is registered twice"):
        held.register("x", other)
