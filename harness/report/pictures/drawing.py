"""What the pictures of a report share: sizes, colours, round numbers at an axis.

Altair draws them and svg.py turns them into SVG that stands inside the page. SVG rather than Vega's JavaScript: a page
is some 30 kB a picture instead of 800 kB at once, prints, shows without scripts (the page forbids them), and its names
can be read aloud; what is lost is zooming.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

WIDTH, HEIGHT = 700, 320
INK = "currentColor"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito 2008: told apart by the colour-blind; every colour comes with a shape of its own."""
SHAPES = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross")
GREY = "#8a8a8a"
ROUND = "format(datum.value, ',~r')"
"""How a number stands at an axis."""


def ticks(low: float, high: float) -> list[float]:
    """Return round numbers on a logarithmic axis, the fewer a decade the more decades there are.

    >>> ticks(900, 6000), ticks(900, 2_000_000), ticks(2100, 3900)
    ([1000.0, 2000.0, 5000.0], [1000.0, 10000.0, 100000.0, 1000000.0], [3000.0])
    """
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found: list[float] = []
    for steps in ((1,), (1, 2, 5), range(1, 10)):
        found = [float(step * 10**decade) for decade in decades for step in steps if low <= step * 10**decade <= high]
        if len(found) >= 3:
            break
    return found


def chart(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Begin a chart of these rows."""
    import altair as alt

    return alt.Chart({"values": list(rows)})


def sized(layers: Any) -> Any:
    """Give a picture without panels the size that all such have."""
    return layers.properties(width=WIDTH, height=HEIGHT)


def dressed(picture: Any, letters: int = 12, columns: int = 3) -> dict[str, Any]:
    """Give every picture letters of one kind and colours that follow the page, light or dark."""
    picture = picture.properties(background="transparent").configure(font="sans-serif").configure_view(stroke=None)
    picture = picture.configure_axis(
        labelColor=INK, titleColor=INK, gridColor=INK, domainColor=INK, tickColor=INK, gridOpacity=0.12,
        domainOpacity=0.5, tickOpacity=0.5, labelFontSize=letters, titleFontSize=12, titleFontWeight="normal",
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
    found: dict[str, Any] = picture.configure_text(fontSize=12).to_dict()
    return found
