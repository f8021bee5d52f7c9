"""Built HTML of a real site, served from its folder as a web server does: index pages, folders with a slash at the end.

Files are read when they are asked for, so a site of any size takes no memory.
"""

from __future__ import annotations

import gzip
import mimetypes
from pathlib import Path
from urllib.parse import quote

from vector_pipeline_tests.simulators.docs_site_http import Reply

_TEXTS = frozenset({".html", ".htm", ".xml", ".txt", ".json"})


class BuiltFolder:
    """A folder below the path `at`. In its files `public_url` stands for the address where the folder is served."""

    def __init__(self, folder: Path, at: str, public_url: str) -> None:
        self._folder = folder.resolve()
        self._at = at
        self._public_url = public_url.encode()

    def paths(self) -> list[str]:
        """The paths of all HTML files; that of an index page is its folder."""
        names = (file.relative_to(self._folder).as_posix() for file in self._folder.rglob("*.htm*") if file.is_file())
        return [self._at + ("" if name == "index.html" else _without_index(name)) for name in names]

    def reply(self, path: str, here: str) -> Reply | None:
        """The file at a decoded path, or the redirect to its folder; None where there is none.

        `here` is the site's root address.
        """
        if f"{path}/" == self._at:
            return Reply(301, headers={"Location": self._at})
        if not path.startswith(self._at):
            return None
        file = (self._folder / path.removeprefix(self._at)).resolve()
        if not file.is_relative_to(self._folder) or not file.exists():
            return None
        if file.is_dir() and not path.endswith("/"):
            return Reply(301, headers={"Location": f"{quote(path)}/"})
        if file.is_dir() == path.endswith("/"):
            file = file / "index.html" if file.is_dir() else file
            return self._file(file, here) if file.is_file() else None
        return None

    def _file(self, file: Path, here: str) -> Reply:
        body, packed = file.read_bytes(), file.name.endswith(".xml.gz")
        if self._public_url and (packed or file.suffix in _TEXTS):
            address = f"{here}{self._at.removeprefix('/')}".encode()
            body = (gzip.decompress(body) if packed else body).replace(self._public_url, address)
            body = gzip.compress(body, mtime=0) if packed else body
        guessed = "application/gzip" if packed else mimetypes.guess_type(file.name)[0]
        return Reply(200, body, guessed or "application/octet-stream")


def _without_index(name: str) -> str:
    return name.removesuffix("index.html") if name.endswith("/index.html") else name
