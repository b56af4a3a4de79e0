"""What the pictures of a report share: sizes, colours and the numbers at an axis.

Altair draws them and svg.py turns them into SVG inside the page. SVG is used instead of Vega's JavaScript because a
picture takes about 30 kB instead of 800 kB, prints, works without scripts (which the page forbids), and has names that
a screen reader can read. Zooming is lost.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

WIDTH, HEIGHT = 700, 320
INK = "currentColor"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito 2008: colour-blind readers can tell them apart, and every colour comes with a shape of its own."""
SHAPES = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross")
GREY = "#8a8a8a"
ROUND = "format(datum.value, ',~r')"
"""The format of a number at an axis, as an expression of Vega."""


def ticks(low: float, high: float) -> list[float]:
    """Return round numbers for a logarithmic axis: the more decades it spans, the fewer per decade.

    >>> ticks(900, 6000), ticks(900, 2_000_000), ticks(2100, 3900)
    ([1000.0, 2000.0, 5000.0], [1000.0, 10000.0, 100000.0, 1000000.0], [3000.0])
    """
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    numbers: list[float] = []
    for steps in ((1,), (1, 2, 5), range(1, 10)):
        numbers = [float(step * 10**decade) for decade in decades for step in steps if low <= step * 10**decade <= high]
        if len(numbers) >= 3:
            break
    return numbers


def chart(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Return a chart of these rows, without marks."""
    import altair as alt

    return alt.Chart({"values": list(rows)})


def sized(layers: Any) -> Any:
    """Return a chart without panels in the common size."""
    return layers.properties(width=WIDTH, height=HEIGHT)


def styled(picture: Any, font_size: int = 12, columns: int = 3) -> dict[str, Any]:
    """Return the specification of a picture with the common font, and colours that suit light and dark pages."""
    picture = picture.properties(background="transparent").configure(font="sans-serif").configure_view(stroke=None)
    picture = picture.configure_axis(
        labelColor=INK, titleColor=INK, gridColor=INK, domainColor=INK, tickColor=INK, gridOpacity=0.12,
        domainOpacity=0.5, tickOpacity=0.5, labelFontSize=font_size, titleFontSize=12, titleFontWeight="normal",
    )  # fmt: skip
    picture = picture.configure_legend(
        orient="top",
        symbolOpacity=1,
        labelColor=INK,
        labelFontSize=12,
        labelLimit=420,
        columns=columns,
        columnPadding=32,
    )
    specification: dict[str, Any] = picture.configure_text(fontSize=12).to_dict()
    return specification
