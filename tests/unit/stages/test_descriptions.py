"""What `harness list stages` and `harness schema` say of the built-in stages and their settings."""

from __future__ import annotations

import inspect
import re

import pytest

from harness.registry import STAGES
from harness.stage.describe import describe_settings

BUILT_IN = [name for name, stage in STAGES.items() if stage.__module__.startswith("harness.")]


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_description_is_one_short_sentence_that_begins_with_a_verb(name: str) -> None:
    description = " ".join((inspect.getdoc(STAGES[name]) or "").split("\n\n")[0].split())
    assert re.match(r"[A-Z][a-z]+s ", description), "begins with a verb in the third person singular"
    assert description.endswith(".") and not re.search(r"[.!?] [A-Z]", description), "is one sentence"
    assert len(description) < 110
    assert not re.search(r"\bstands?\b", description)


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_setting_is_described(name: str) -> None:
    descriptions = describe_settings(STAGES[name])
    for setting in STAGES[name].model_fields:
        description = descriptions.get(setting, "")
        assert description, f"{setting} has a docstring"
        assert description.endswith(".") and description[0] in f'"`{description[0].upper()}'
