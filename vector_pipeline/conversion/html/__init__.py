"""HTML to markdown, and the facts of a page: the main content without its chrome, words, code and anchors kept.

`convert_html` is what a search reads, `page_facts` what a visitor of the site follows, `decode_page` the text both
take; `PageRules` is what a user may say about a site's pages.
"""

from __future__ import annotations

from vector_pipeline.conversion.html.decode import decode_page
from vector_pipeline.conversion.html.facts import PageFacts, page_facts
from vector_pipeline.conversion.html.page import convert_html
from vector_pipeline.conversion.html.rules import PageRules, is_selector

__all__ = ["PageFacts", "PageRules", "convert_html", "decode_page", "is_selector", "page_facts"]
