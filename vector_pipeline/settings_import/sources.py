"""Their sources as ours, one function for each type.

Filters are carried over as exactly as ours can say them; what ours would take beyond theirs is switched off.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from vector_pipeline.settings_import.outcomes import Given
from vector_pipeline.settings_import.patterns import (
    CONVERTIBLE,
    MOST_PATTERNS,
    exclude_patterns,
    include_patterns,
    is_exact,
)
from vector_pipeline.settings_import.references import Variables, has_reference, kept, without_credentials
from vector_pipeline.settings_import.rules import CONFLUENCE, FILES, GIT, JIRA, PUBLIC_DOCS, apply, as_ours

Settings = dict[str, Any]

_NO_ADDRESS = "the address holds a secret, or is none; write the source anew"
_TAKES_NOTHING = "no file is of one of the types and in one of the paths: a source that takes nothing is left out"


def git(given: Given, name: str, place: str, variables: Variables) -> Settings | None:
    """A Git repository."""
    ours: Settings = {}
    if (url := _address(given, "url", place)) is None:
        return None
    ours["url"], user, password = url
    if user or password:
        _put_credentials(given, ours, (user, password), name, place, variables)
    _secret(given, "token", ours, ("GIT", name, "TOKEN"), place, variables)
    apply(GIT, given, ours, place)
    return ours if _put_filters(given, ours, place) else None


def local_files(given: Given, name: str, place: str, variables: Variables) -> Settings | None:
    """A folder."""
    value = _text(given, "base_url")
    if not value:
        given.note("base_url", "missing", "", "a folder needs its path")
        return None
    ours: Settings = {}
    if "://" in value and not value.startswith("file:"):
        given.take("base_url", "missing", "", "not the address of a folder; write file:///path")
        return None
    if not value.startswith("file:"):
        note = "the variable has to hold the path alone, without file://" if has_reference(value) else ""
        given.take("base_url", "differs" if note else "carried", f"{place}.path", note)
        ours["path"] = kept(value)
    else:
        given.take("base_url", target=f"{place}.path")
        ours["path"] = kept(unquote(re.sub(r"^file:(//(localhost(?=/))?)?", "", value)))
    apply(FILES, given, ours, place)
    return ours if _put_filters(given, ours, place) else None


def confluence(given: Given, name: str, place: str, variables: Variables) -> Settings | None:
    """A Confluence space."""
    ours = _site(given, "space_key", "spaces", name, place, variables, "CONFLUENCE")
    if ours is None:
        return None
    types = given.peek("content_types")
    if isinstance(types, list):
        kinds = {str(kind).lower() for kind in types}
        given.take("content_types", target=f"{place}.blog_posts", note="comments are part of their page's text")
        if "page" not in kinds:
            given.note("content_types", "missing", "", "pages are always taken; only blog posts can be left out")
        ours["blog_posts"] = "true" if "blogpost" in kinds else "false"
        if "comment" in kinds:
            given.note("content_types", "carried", f"{place}.comments")
            ours["comments"] = "documents"
    apply(CONFLUENCE, given, ours, place)
    return ours


def jira(given: Given, name: str, place: str, variables: Variables) -> Settings | None:
    """A Jira project."""
    ours = _site(given, "project_key", "projects", name, place, variables, "JIRA")
    if ours is None:
        return None
    conditions = []
    for key, field in (("issue_types", "issuetype"), ("include_statuses", "status")):
        if isinstance(values := given.peek(key), list) and values:
            given.take(key, target=f"{place}.jql")
            conditions.append(f"{field} in ({', '.join(json.dumps(str(one), ensure_ascii=False) for one in values)})")
    if since := _text(given, "updated_after"):
        conditions += _since(given, since, place)
    if conditions:
        ours["jql"] = kept(" AND ".join(conditions))
    fields = given.peek("extra_fields")
    if isinstance(fields, list):
        given.take("extra_fields", "differs", f"{place}.fields", "how a value is read is told by the field's own type")
        named = [one for one in fields if isinstance(one, dict) and one.get("param_name") and one.get("name")]
        ours["fields"] = {kept(str(one["param_name"])): kept(str(one["name"])) for one in named}
    apply(JIRA, given, ours, place)
    return ours


def public_docs(given: Given, name: str, place: str, variables: Variables) -> Settings | None:
    """A documentation site."""
    if (found := _address(given, "url", place)) is None:
        return None
    url, user, password = found
    if user or password:
        given.note("base_url", "missing", "", "the user and password in the address were left out: sites are public")
    ours: Settings = {"url": url}
    given.note("base_url", "differs", f"{place}.url", "the whole site below the address is visited")
    version = _text(given, "version")
    if version:
        given.take("version", "not needed", "", "put into the paths that name {version}; see `versions`")
    base = "" if has_reference(url) else urlsplit(url).path.rpartition("/")[0]
    if pattern := _text(given, "path_pattern"):
        given.take("path_pattern", "differs", f"{place}.include", "a gitignore pattern of the path of a page's address")
        ours["include"] = [kept(one) for one in include_patterns([f"{base}/{_versioned(pattern, version)}"], [])]
    if isinstance(paths := given.peek("exclude_paths"), list) and paths:
        given.take("exclude_paths", "differs", f"{place}.exclude", "gitignore patterns of the path of a page's address")
        below = [f"{base}/{_versioned(str(path), version).lstrip('/')}" for path in paths]
        ours["exclude"] = [kept(one) for one in exclude_patterns(below)]
    selectors = given.inside("selectors")
    if content := _text(selectors, "content"):
        selectors.take("content", target=f"{place}.content_selectors")
        ours["content_selectors"] = [kept(one.strip()) for one in content.split(",") if one.strip()]
    if isinstance(selectors.peek("remove"), list):
        ours["remove_selectors"] = as_ours(selectors.take("remove", target=f"{place}.remove_selectors"))
    selectors.take("code_blocks", "not needed", "", "code is told by the page's own marks")
    _attachments(given, ours, place, "files", "linked files are not taken, as they were not")
    if (per_minute := _text(given, "requests_per_minute")) and re.fullmatch(r"[1-9]\d{0,5}", per_minute):
        given.take("requests_per_minute", target=f"{place}.delay")
        ours["delay"] = f"{60 / int(per_minute):.3f}s" if int(per_minute) < 60_000 else "0.001s"
    apply(PUBLIC_DOCS, given, ours, place)
    return ours


SOURCES: Mapping[str, tuple[str, Callable[[Given, str, str, Variables], Settings | None]]] = {
    "git": ("git", git),
    "localfile": ("local_files", local_files),
    "confluence": ("confluence", confluence),
    "jira": ("jira", jira),
    "publicdocs": ("public_docs", public_docs),
}
"""Their type of a source: our type, and the function that carries one over (None where that can't be done)."""


def _site(
    given: Given, key: str, keys: str, name: str, place: str, variables: Variables, prefix: str
) -> Settings | None:
    """What Confluence and Jira have in common: the site, the account, the one part of it."""
    if (found := _address(given, "url", place)) is None:
        return None
    ours: Settings = {"url": found[0]}
    if found[1] or found[2]:
        given.note("base_url", "missing", "", "the user and password in the address were left out; set email and token")
    part = _text(given, key)
    if not part:
        given.note(key, "missing", "", f"a source needs its {key}")
        return None
    given.take(key, target=f"{place}.{keys}")
    ours[keys] = [kept(part)]
    deployment = (_text(given, "deployment_type") or "cloud").lower()
    on_cloud = deployment == "cloud" or has_reference(deployment)
    given.take("deployment_type", target=f"{place}.deployment")
    ours["deployment"] = "auto" if has_reference(deployment) else "cloud" if on_cloud else "data_center"
    if on_cloud:
        ours["email"] = kept(_text(given, "email") or f"${{{prefix}_EMAIL}}")
        given.take("email", target=f"{place}.email")
    else:
        given.take("email", "not needed", "", "Data Center takes a personal access token alone")
    if not _secret(given, "token", ours, (prefix, name, "TOKEN"), place, variables):
        ours["token"] = f"${{{prefix}_TOKEN}}"
        given.note("token", "secret", f"{place}.token", f"set {prefix}_TOKEN in the environment")
    _attachments(given, ours, place, "attachments", "attachments are not taken, as they were not")
    return ours


def _attachments(given: Given, ours: Settings, place: str, target: str, note: str) -> None:
    """Attachments or linked files: off where theirs are off, which they are by themselves."""
    wanted = _text(given, "download_attachments")
    given.take("download_attachments", target=f"{place}.{target}")
    ours[target] = kept(wanted) if wanted else "false"
    if not wanted:
        given.note("download_attachments", "carried", f"{place}.{target}", note)


def _since(given: Given, since: str, place: str) -> list[str]:
    """`updated_after` as a condition."""
    ago = re.fullmatch(r"-(\d{1,6})\s*(?:d|days?|(h|hours?)|(w|weeks?))", since.strip(), re.IGNORECASE)
    moment = re.match(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d))?", since.strip())
    if ago:
        unit = "h" if ago[2] else "w" if ago[3] else "d"
        given.take("updated_after", "differs", f"{place}.jql", "issues leave the index as they grow older than that")
        return [f"updated >= -{ago[1]}{unit}"]
    if moment:
        given.take("updated_after", target=f"{place}.jql")
        return [f'updated >= "{moment[1]} {moment[2] or "00:00"}"']
    given.take("updated_after", "missing", "", "not a time that can be told; add it to jql")
    return []


def _put_filters(given: Given, ours: Settings, place: str) -> bool:
    """Include and exclude patterns; False where nothing would be taken."""
    paths, types = _texts(given, "include_paths"), _texts(given, "file_types")
    converts = (_text(given, "enable_file_conversion") or "").lower() in ("true", "yes", "on")
    wanted = [*types, *(f"*.{one}" for one in CONVERTIBLE)] if types and converts else types
    note = "gitignore patterns: an ending in capital letters needs a pattern of its own" if types else ""
    exact = all(map(is_exact, paths))
    kind = "carried" if exact and not types else "differs"
    for key, values in (("include_paths", paths), ("file_types", types)):
        if values:
            given.take(key, "carried" if kind == "carried" else "differs", f"{place}.include", note or "check them")
    includes = include_patterns(paths, wanted)
    if (paths or types) and not includes and not _takes_all(paths, types):
        given.note("file_types" if types else "include_paths", "missing", "", _TAKES_NOTHING)
        return False
    if len(includes) > MOST_PATTERNS:
        given.note("include_paths", "missing", "", f"more than {MOST_PATTERNS:,} patterns of paths and types")
        return False
    if includes:
        ours["include"] = [kept(one) for one in includes]
    if excluded := _texts(given, "exclude_paths"):
        given.take("exclude_paths", "carried" if all(map(is_exact, excluded)) else "differs", f"{place}.exclude")
        ours["exclude"] = [kept(one) for one in exclude_patterns(excluded)]
    return True


def _takes_all(paths: list[str], types: list[str]) -> bool:
    return not paths and any(one.strip().endswith("*") for one in types)


def _address(given: Given, target: str, place: str) -> tuple[str, str, str] | None:
    """The address without what stands in front of its host, and that; None where there is none to use."""
    value = _text(given, "base_url")
    if not value:
        given.note("base_url", "missing", "", "a source needs its address")
        return None
    url, user, password = without_credentials(value)
    if not url:
        given.take("base_url", "missing", "", _NO_ADDRESS)
        return None
    given.take("base_url", target=f"{place}.{target}")
    return kept(url), user, password


def _put_credentials(
    given: Given, ours: Settings, found: tuple[str, str], name: str, place: str, variables: Variables
) -> None:
    """User and password of a repository's address as settings of their own."""
    user, password = found
    secret = password or user
    ours["token"], new = variables.reference(secret, "GIT", name, "TOKEN")
    if password and user:
        ours["username"] = kept(user)
    note = f"taken out of the address; set {ours['token'][2:-1]} in the environment"
    given.note("base_url", "secret" if new else "carried", f"{place}.token", note)


def _secret(given: Given, key: str, ours: Settings, names: tuple[str, ...], place: str, variables: Variables) -> bool:
    """A token as a reference; False where there is none."""
    value = _text(given, key)
    if not value or (key == "token" and value.lower() == "none"):
        given.take(key, "not needed", "", "no token")
        return False
    ours[key], new = variables.reference(value, *names)
    note = f"not copied; set {ours[key][2:-1]} in the environment" if new else ""
    given.take(key, "secret" if new else "carried", f"{place}.{key}", note)
    return True


def _text(given: Given, key: str) -> str | None:
    value = given.peek(key)
    return value if isinstance(value, str) and value.strip() else None


def _texts(given: Given, key: str) -> list[str]:
    value = given.peek(key)
    return [str(one) for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _versioned(path: str, version: str | None) -> str:
    return path.replace("{version}", version) if version else path
