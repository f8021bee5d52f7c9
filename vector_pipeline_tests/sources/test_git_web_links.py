"""Links to files at the hosts people use, from every form of address."""

from __future__ import annotations

from pathlib import Path

import pytest

from vector_pipeline.sources.git_url import parse_repository_url
from vector_pipeline.sources.web_links import file_links

PATH = b"docs/a b#1?.md"
QUOTED = "docs/a%20b%231%3F.md"


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("https://github.com/o/r.git", f"https://github.com/o/r/blob/f/x/{QUOTED}"),
        ("https://token@github.com/o/r", f"https://github.com/o/r/blob/f/x/{QUOTED}"),
        ("git@github.com:o/r.git", f"https://github.com/o/r/blob/f/x/{QUOTED}"),
        ("ssh://git@github.com:22/o/r.git", f"https://github.com/o/r/blob/f/x/{QUOTED}"),
        ("git://github.com/o/r.git", f"https://github.com/o/r/blob/f/x/{QUOTED}"),
        ("https://gitlab.com/g/s/t/r.git", f"https://gitlab.com/g/s/t/r/-/blob/f/x/{QUOTED}"),
        ("https://gitlab.example.org:8443/g/r.git", f"https://gitlab.example.org:8443/g/r/-/blob/f/x/{QUOTED}"),
        ("ssh://git@gitlab.example.org:2222/g/r.git", f"https://gitlab.example.org/g/r/-/blob/f/x/{QUOTED}"),
        ("git@bitbucket.org:o/r.git", f"https://bitbucket.org/o/r/src/f/x/{QUOTED}"),
        ("https://ada@bitbucket.org/o/r.git", f"https://bitbucket.org/o/r/src/f/x/{QUOTED}"),
        (
            "https://bitbucket.example.org/scm/proj/r.git",
            f"https://bitbucket.example.org/projects/PROJ/repos/r/browse/{QUOTED}?at=refs/heads/f/x",
        ),
        (
            "https://code.example.org/ctx/scm/~ada/r.git",
            f"https://code.example.org/ctx/users/ada/repos/r/browse/{QUOTED}?at=refs/heads/f/x",
        ),
        (
            "ssh://git@bitbucket.example.org:7999/proj/r.git",
            f"https://bitbucket.example.org/projects/PROJ/repos/r/browse/{QUOTED}?at=refs/heads/f/x",
        ),
        (
            "https://org@dev.azure.com/org/My%20Project/_git/r",
            f"https://dev.azure.com/org/My%20Project/_git/r?path=/{QUOTED}&version=GBf/x",
        ),
        (
            "git@ssh.dev.azure.com:v3/org/My%20Project/r",
            f"https://dev.azure.com/org/My%20Project/_git/r?path=/{QUOTED}&version=GBf/x",
        ),
        (
            "https://org.visualstudio.com/DefaultCollection/p/_git/r",
            f"https://org.visualstudio.com/DefaultCollection/p/_git/r?path=/{QUOTED}&version=GBf/x",
        ),
        (
            "org@vs-ssh.visualstudio.com:v3/org/p/r",
            f"https://org.visualstudio.com/p/_git/r?path=/{QUOTED}&version=GBf/x",
        ),
        ("https://codeberg.org/o/r.git", f"https://codeberg.org/o/r/src/branch/f/x/{QUOTED}"),
        ("https://gitea.example.org/o/r.git", f"https://gitea.example.org/o/r/src/branch/f/x/{QUOTED}"),
    ],
)
def test_a_file_is_linked_at_its_host(url: str, link: str) -> None:
    links = file_links(parse_repository_url(url), "f/x")
    assert links.web
    assert links.link(PATH) == link


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("https://ada:secret@git.example.org/r.git", f"https://git.example.org/r.git#{QUOTED}"),
        ("git@git.example.org:o/r.git", f"git@git.example.org:o/r.git#{QUOTED}"),
        ("/srv/git/r.git", f"file:///srv/git/r.git#{QUOTED}"),
        ("file:///srv/my%20git/r.git", f"file:///srv/my%20git/r.git#{QUOTED}"),
    ],
)
def test_without_a_known_host_the_repository_and_the_path_are_named(url: str, link: str) -> None:
    links = file_links(parse_repository_url(url), "main")
    assert not links.web
    assert links.link(PATH) == link


@pytest.mark.parametrize(
    ("web_url", "link"),
    [
        ("https://git.example.org/o/r", f"https://git.example.org/o/r/blob/f/x/{QUOTED}"),
        ("https://gitlab.com/o/r/", f"https://gitlab.com/o/r/-/blob/f/x/{QUOTED}"),
        ("https://cgit.example.org/r/tree/{path}?h={branch}", f"https://cgit.example.org/r/tree/{QUOTED}?h=f/x"),
    ],
)
def test_web_url_says_where_the_files_are(web_url: str, link: str, tmp_path: Path) -> None:
    links = file_links(parse_repository_url(str(tmp_path)), "f/x", web_url)
    assert links.web
    assert links.link(PATH) == link


def test_names_of_any_bytes_have_links_of_their_own() -> None:
    links = file_links(parse_repository_url("git@github.com:o/r.git"), "main")
    assert links.link(b"caf\xe9.md").endswith("/caf%E9.md")
    assert links.link("café.md".encode()).endswith("/caf%C3%A9.md")
