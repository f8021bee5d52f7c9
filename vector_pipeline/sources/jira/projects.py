"""Projects of a site: which there are, and what it means that one is not to be seen."""

from __future__ import annotations

from vector_pipeline.settings_atlassian import JiraSettings
from vector_pipeline.sources.atlassian.site import Site
from vector_pipeline.sources.base import Part, SourceMisconfigured
from vector_pipeline.sources.jira.api import JiraApi, Project
from vector_pipeline.sources.jira.cloud import CloudApi
from vector_pipeline.sources.jira.data_center import DataCenterApi


def open_api(settings: JiraSettings, label: str) -> JiraApi:
    """The questions to the site of the settings. Sends nothing. Raises SourceMisconfigured."""
    site = Site(settings, product="jira", label=label)
    return CloudApi(site, label) if site.cloud else DataCenterApi(site, label)


def discover_projects(name: str, settings: JiraSettings, seconds: float | None = None) -> list[Part]:
    """The projects of the site that the settings cover, by key; archived ones are left out.

    Raises SourceError rather than give only some of them, also when they can't be had in `seconds`.
    """
    api = open_api(settings, f"jira/{name}")
    if seconds is not None:
        api.site.hurry(seconds)
    try:
        found = [project for project in api.projects() if settings.covers(project.key) and not project.archived]
    finally:
        api.site.close()
    return [Part(project.key, project.name) for project in sorted(found, key=lambda project: project.key)]


def missing_project(label: str, key: str, project: Project | None) -> SourceMisconfigured:
    """The error for a project that the settings name and that can't be read: `project` is None or archived."""
    if project is None:
        return SourceMisconfigured(
            f"{label}: there is no project {key}, or this account may not see it",
            hint="check the key, and give the account the permission Browse Projects; nothing is deleted meanwhile",
        )
    return SourceMisconfigured(
        f"{label}: project {key} is archived",
        hint="restore it, or take it out of `projects`; nothing is deleted meanwhile",
    )
