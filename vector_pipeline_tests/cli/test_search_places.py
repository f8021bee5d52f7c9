"""`search` opens a hit where it stands: at the section of a page, with the number of the page of a PDF."""

from __future__ import annotations

from collections.abc import Callable

from vector_pipeline_tests.cli.command import Command
from vector_pipeline_tests.sync.pdf import pdf_of

PAGE = """<title>Pumps</title><nav>menu</nav><main><h1 id="pumps">Pumps</h1><p>Water goes uphill.</p>
<h2 id="valve-torque">Valve torque</h2><p>Tighten the brass valve to nine newton metres.</p></main>"""


def test_a_hit_in_a_page_is_linked_to_its_section(new_project: Callable[[dict[str, str | bytes]], Command]) -> None:
    command = new_project({"pumps.html": PAGE, "report.pdf": pdf_of("The turbine hums at night.")})
    assert command.inside("sync").code == 0
    shown = command.on_terminal("search", "tighten brass valve", "-n", "1", columns=200).out
    assert "› Valve torque" in shown
    assert "pumps.html#valve-torque\x1b\\" in shown, "the link itself leads there"
    assert "› Page 1" in command.inside("search", "turbine hums", "-n", "1").out
