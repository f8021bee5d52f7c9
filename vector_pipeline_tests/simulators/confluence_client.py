"""A plain HTTP client of the Confluence test service, for its own tests: no retries, no library."""

from __future__ import annotations

from typing import Any

import requests

from vector_pipeline_tests.simulators.atlassian_conditions import API_TOKEN, EMAIL, PERSONAL_ACCESS_TOKEN
from vector_pipeline_tests.simulators.confluence_server import ConfluenceServer

Json = dict[str, Any]


class Client:
    """A plain HTTP client with the right credentials."""

    def __init__(self, server: ConfluenceServer) -> None:
        self.server = server
        self.session = requests.Session()
        self.session.trust_env = False
        if server.flavour == "cloud":
            self.session.auth = (EMAIL, API_TOKEN)
        else:
            self.session.headers["Authorization"] = f"Bearer {PERSONAL_ACCESS_TOKEN}"

    def get(self, path: str, **query: Any) -> requests.Response:
        parameters = {name.replace("_", "-"): value for name, value in query.items()}
        return self.session.get(self.server.url + path, params=parameters, timeout=60)

    def json(self, path: str, **query: Any) -> Json:
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def ids(self, path: str, **query: Any) -> list[str]:
        return [row["id"] for row in self.json(path, **query)["results"]]

    def search(self, cql: str, **query: Any) -> list[str]:
        return self.ids("/rest/api/content/search", cql=cql, **query)

    def follow(self, path: str, **query: Any) -> list[str]:
        """The ids of all pages of a list, by its next links read as they are meant."""
        ids: list[str] = []
        page = self.json(path, **query)
        while True:
            ids += [row["id"] for row in page["results"]]
            if "next" not in page["_links"]:
                return ids
            link = str(page["_links"]["next"])
            origin = self.server.origin if link.startswith("/wiki/") else self.server.url
            page = self.session.get(origin + link, timeout=60).json()


def add_pages(server: ConfluenceServer, count: int, space: str = "ENG") -> list[str]:
    """Makes pages named "Page 0" and on, and gives their ids."""
    return [str(server.state.add_page(space, f"Page {number}").id) for number in range(count)]
