"""Confluence storage format, Atlassian Document Format and Jira wiki markup to markdown, without losing a word.

Three readers (`storage`, `adf`, `wiki`) describe what they find to one `Builder`; one writer makes the markdown.
So all three give text of one form, and depth, escaping and tables are bounded and tested in one place.
"""

from __future__ import annotations

from vector_pipeline.conversion.atlassian.adf import adf_to_markdown
from vector_pipeline.conversion.atlassian.base import Markdown, References
from vector_pipeline.conversion.atlassian.storage import storage_to_markdown
from vector_pipeline.conversion.atlassian.wiki import wiki_to_markdown

__all__ = ["Markdown", "References", "adf_to_markdown", "storage_to_markdown", "wiki_to_markdown"]
