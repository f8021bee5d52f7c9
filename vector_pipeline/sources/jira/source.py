"""The Jira source: one project of a site, Cloud or Data Center.

A probe looks at the newest changes and the number of issues, a scan reads what changed since the last one, and
deletions come only from a census of which every absent issue was asked for by its id. `native_id` is the numeric id of
an issue, which stays when the issue moves or its project gets another key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vector_pipeline.conversion.converter import Converter
from vector_pipeline.documents import LISTED, Document, Failure, Item, Restated
from vector_pipeline.settings_atlassian import JiraSettings
from vector_pipeline.sources.atlassian.errors import AnswerRefused
from vector_pipeline.sources.base import Known, Listing, SourceMisconfigured
from vector_pipeline.sources.jira.api import ARCHIVED, DELETED_OR_HIDDEN, MOVED, Project
from vector_pipeline.sources.jira.attachments import is_attachment, issue_part
from vector_pipeline.sources.jira.context import Context, is_gateway
from vector_pipeline.sources.jira.fetching import Fetcher
from vector_pipeline.sources.jira.finding import item_of, named_issue, native_id_of
from vector_pipeline.sources.jira.listing import Lister
from vector_pipeline.sources.jira.probing import GONE, Look, look_at, project_clause
from vector_pipeline.sources.jira.projects import missing_project, open_api
from vector_pipeline.sources.jira.values import mapping, text

PROBE_SECONDS = 20.0
"""How long a probe waits for a busy site; the next one comes soon."""
_BAD_REQUEST = 400


class JiraSource:
    """A project as a source (see `Source`)."""

    def __init__(self, name: str, key: str, settings: JiraSettings, converter: Converter) -> None:
        """Sends nothing. Raises SourceMisconfigured for an address or credentials that can't be."""
        self._name, self._key, self._settings, self._converter = name, key, settings, converter
        self._label = f"jira/{name}"
        self._api = open_api(settings, self._label)
        self._context: Context | None = None
        self._address = ""

    @property
    def type(self) -> str:
        """ "jira"."""
        return "jira"

    @property
    def name(self) -> str:
        """The partition key."""
        return self._name

    @property
    def url(self) -> str:
        """Where people find the project; behind the API gateway only the gateway, until a scan knew the site."""
        if self._address or not is_gateway(self._settings.url):
            return f"{self._address or self._settings.url}/browse/{self._key}"
        return self._settings.url

    def probe(self) -> str:
        """Names the newest changes and the number of issues, by one request or two. Raises SourceError.

        "gone" for a project that can't be seen any more and that a pattern had found; one named by its key raises
        SourceMisconfigured.
        """
        self._api.site.hurry(PROBE_SECONDS)
        try:
            look = self._look_at(project_clause(self._key))
        except AnswerRefused as refused:
            if refused.status != _BAD_REQUEST:
                raise
            project, _ = self._project()
            return self._look_at(f"project = {project.id}").version if project else GONE
        found = text(mapping(look.issues[0].fields.get("project")).get("key")) if look.issues else ""
        if found.upper() == self._key.upper():
            return look.version
        return look.version if self._project()[0] else GONE

    def scan(self, known: Known) -> Listing:
        """What changed since the last scan, or everything. Raises SourceError, also rather than list only a part."""
        self._address = text(known.cursor.get("address"))
        project, reason = self._project()
        if project is None:
            reasons = dict.fromkeys(known.versions, reason)
            return Listing(LISTED.to_frame(), complete=True, version=GONE, reasons=reasons)
        context = self._open(project)
        look = self._look_at(context.inside)
        try:
            listing = Lister(context, known, look).listing()
        except AnswerRefused as refused:
            raise self._explained(refused, context) from refused
        self._address = context.address_known or self._address
        return listing

    def fetch(self, items: Sequence[Item]) -> Iterator[Document | Restated | Failure]:
        """Issues and attachments as documents; attachments that only now are found come before their issue.

        Raises SourceError when the site itself fails.
        """
        if not items:
            return
        context = self._opened()
        if context is None:
            reason = self._project()[1]
            yield from (Failure(item.native_id, item.version, item.uri, "fetch", reason) for item in items)
            return
        yield from Fetcher(context).answers(items)

    def claims(self, wanted: str) -> bool:
        """Whether it is a key of this project, an address of one of its issues, or an id that may be its own."""
        return bool(named_issue(wanted, self._key, self._settings))

    def identify(self, wanted: str) -> bytes | None:
        """The id of the issue, by one request. Raises SourceError."""
        named, context = named_issue(wanted, self._key, self._settings), self._opened()
        return native_id_of(context, named) if named and context else None

    def has(self, native_id: bytes) -> bool:
        """Whether the issue is in this project; `identify` finds no other. Raises SourceError."""
        return self.look_up(native_id, Known()) is not None

    def look_up(self, native_id: bytes, known: Known) -> Item | None:
        """The issue or attachment as it is now. Raises SourceError."""
        context = self._opened()
        return item_of(context, native_id, known) if context else None

    def owner(self, native_id: bytes, version: str) -> bytes | None:
        """The issue that an attachment hangs on."""
        return issue_part(native_id).encode() or None if is_attachment(native_id) else None

    def close(self) -> None:
        """Closes the connections to the site; may be called twice."""
        self._api.site.close()

    def _look_at(self, where: str) -> Look:
        files = self._converter.files_identity if self._settings.attachments else ""
        return look_at(self._api, where, files)

    def _opened(self) -> Context | None:
        """The project as it is being read, None where it is not to be seen any more. Raises SourceError."""
        if self._context is None:
            project, _ = self._project()
            return self._open(project) if project else None
        return self._context

    def _open(self, project: Project) -> Context:
        self._context = Context(self._api, self._settings, project, self._converter)
        return self._context

    def _project(self) -> tuple[Project | None, str]:
        """The project, or None with the reason. Raises SourceMisconfigured where the settings name it by its key.

        A former key goes on leading to its project; where a pattern found it, the key of today is found too.
        """
        project = self._api.project(self._key)
        is_given = any(self._key.upper() == given.upper() for given in self._settings.given_keys)
        if project is not None and not is_given and project.key.upper() != self._key.upper():
            return None, MOVED
        if project is not None and not project.archived:
            return project, ""
        if is_given:
            raise missing_project(self._label, self._key, project)
        return None, ARCHIVED if project else DELETED_OR_HIDDEN

    def _explained(self, refused: AnswerRefused, context: Context) -> Exception:
        """A refused question as what it means: the project was just seen, so the settings' JQL is at fault."""
        if refused.status != _BAD_REQUEST or not context.is_filtered:
            return refused
        said = "; ".join(refused.messages) or "no reason given"
        return SourceMisconfigured(f"{self._label}: Jira refuses the jql of the settings: {said}", hint="correct `jql`")
