"""Turn a Vega-Lite chart into SVG for a page; it is parsed and rewritten, so only shapes and text get in."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

from harness.report.numbers import plain

SHAPES = {"g", "path", "line", "rect", "circle", "text", "tspan", "defs", "clipPath", "title"}
"""The elements that are kept; all others are dropped with their content."""
DROPPED = re.compile(r"aria-|role$|on|class$|pointer-events$|(xlink:)?href$|style$")
"""Attributes that are useless in a page, or could run something there."""
FRACTION = re.compile(r"(\d+\.\d\d)\d+")


def inline(chart: dict[str, Any], alt: str) -> str:
    """Return a chart as SVG without reading any file or address; `alt` describes it. Coordinates keep two decimals."""
    import vl_convert

    drawn = vl_convert.vegalite_to_svg(chart, allowed_base_urls=[], show_warnings=False)
    root = ElementTree.fromstring(drawn)  # noqa: S314  vl_convert has just drawn it
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    _clean(root)
    root.attrib.clear()
    root.attrib.update({"viewBox": f"0 0 {width:.0f} {height:.0f}", "role": "img", "aria-label": plain(alt)})
    root.attrib["style"] = f"max-width:{width:.0f}px"
    text: str = ElementTree.tostring(root, encoding="unicode", short_empty_elements=False)
    return text


def _clean(element: ElementTree.Element) -> None:
    """Strip namespaces and everything a picture does not need; the name of a mark becomes its tooltip."""
    element.tag = _local(element.tag)
    if element.get("aria-roledescription") == "point":
        title = ElementTree.Element("title")
        title.text = element.get("aria-label", "")
        element.insert(0, title)
    for child in list(element):
        if _local(child.tag) in SHAPES and child.get("display") != "none":
            _clean(child)
        else:
            element.remove(child)
    kept = {_local(name): value for name, value in element.attrib.items() if not DROPPED.match(_local(name))}
    element.attrib.clear()
    element.attrib.update({name: FRACTION.sub(r"\1", value) for name, value in kept.items()})


def _local(name: str) -> str:
    return name.rsplit("}", 1)[-1]
