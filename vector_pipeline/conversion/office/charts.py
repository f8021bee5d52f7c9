"""Charts in office files: the numbers that the file keeps beside the drawing, as a table."""

from __future__ import annotations

from lxml import etree

from vector_pipeline.conversion.office.tidy import table

MAX_POINTS = 2_000
"""Points of one series; more are measurements, which nobody searches by their digits."""
_C = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"


def chart_block(chart: etree._Element) -> str:
    """The title and the series of a chart, categories first; "" for one without any."""
    title = chart.find(f"{_C}chart/{_C}title")
    words = (
        "" if title is None else " ".join("".join(map(str, found.itertext())) for found in title.iter(f"{_A}p")).strip()
    )
    series = list(chart.iter(f"{_C}ser"))
    categories = _points(series[0], "cat") or _points(series[0], "xVal") if series else {}
    columns = [(" ".join(_points(one, "tx").values()), _points(one, "val") or _points(one, "yVal")) for one in series]
    places = sorted(set(categories).union(*(values for _, values in columns)))[:MAX_POINTS]
    rows = [["", *(name for name, _ in columns)]]
    rows += [[categories.get(place, ""), *(values.get(place, "") for _, values in columns)] for place in places]
    return "\n\n".join(filter(None, (words, table(rows))))


def _points(series: etree._Element, name: str) -> dict[int, str]:
    """The kept values of one side of a series by their places."""
    side = series.find(f"{_C}{name}")
    if side is None:
        return {}
    points: dict[int, str] = {}
    for point in side.iter(f"{_C}pt"):
        place, value = point.get("idx", ""), point.find(f"{_C}v")
        if value is not None and value.text and place.isdecimal() and len(place) < 10 and len(points) < MAX_POINTS:
            points[int(place)] = value.text
    return points
