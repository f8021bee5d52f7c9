"""How commands look at Dagster: it is loaded only where there is an instance, which takes a second."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vector_pipeline.monitoring.automation import Automation


@contextmanager
def automation(data_dir: Path, *, checks: bool = False) -> Iterator[Callable[[], Automation]]:
    """Who says, within the block and as often as asked, what Dagster has under way; with `checks`, what checks said.

    An instance that is made meanwhile is found. Not for several threads at once.
    """
    from vector_pipeline.monitoring.automation import Automation
    from vector_pipeline.orchestration.home import find_home

    with ExitStack() as stack:
        looks: list[Callable[[], Automation]] = []

        def look() -> Automation:
            if not looks:
                if find_home(data_dir) is None:
                    return Automation()
                from vector_pipeline.orchestration.watching import watched

                watcher = stack.enter_context(watched(data_dir))
                looks.append(lambda: watcher.look(checks=checks))
            return looks[0]()

        yield look
