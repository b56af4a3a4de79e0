"""Times and sizes are written in the unit that they round to."""

from __future__ import annotations

import pytest

from harness.meter import duration, size
from harness.report import numbers


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 0 s"),
        (60, "1 min 0 s"),
        (119.4, "1 min 59 s"),
        (119.6, "2 min 0 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 0 min"),
        (7169, "1 h 59 min"),
        (7171, "2 h 0 min"),
    ],
)
def test_a_duration_moves_to_the_next_unit_where_it_rounds_to_it(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (999, "999 B"),
        (999.4, "999 B"),
        (999.6, "1.0 kB"),
        (1000, "1.0 kB"),
        (999_940, "999.9 kB"),
        (999_960, "1.0 MB"),
        (999_940_000, "999.9 MB"),
        (999_960_000, "1.0 GB"),
        (999_940_000_000, "999.9 GB"),
        (999_960_000_000, "1.0 TB"),
        (1_234_560_000_000_000, "1234.6 TB"),
    ],
)
def test_a_size_moves_to_the_next_unit_where_it_rounds_to_it(count: float, text: str) -> None:
    assert size(count) == text
    assert numbers.quantity(count, "bytes") == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.9994, "s", "999 ms"),
        (0.9996, "s", "1 s"),
        (999.4, "documents/s", "999 documents/s"),
        (999.6, "documents/s", "1,000 documents/s"),
        (-999.6, "documents/s", "-1,000 documents/s"),
    ],
)
def test_a_quantity_is_never_written_in_powers_of_ten(value: float, unit: str, text: str) -> None:
    assert numbers.quantity(value, unit) == text


def test_an_amount_that_rounds_to_a_thousand_is_written_as_one() -> None:
    assert (numbers.money(999.4, "USD"), numbers.money(999.6, "USD")) == ("999 USD", "1,000 USD")
