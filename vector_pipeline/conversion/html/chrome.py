"""What stands in a page's content but is none of it: links to edit it, breadcrumbs, copy buttons, banners, stamps.

Only what is surely chrome: elements that say so by tag, role or a class of a known generator, and short links and
lines whose words say it. All of it goes before the content is read, so that a new theme changes no text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from selectolax.lexbor import LexborNode

from vector_pipeline.conversion.html.code_blocks import GUTTERS
from vector_pipeline.conversion.html.tree import one_line, outermost, remove, short_text

UNREADABLE = (
    "script:not([type^='math/']), style, noscript, template, svg, iframe, object, embed, canvas, link, meta, "
    "audio, video, select, x-select, datalist, .katex-html, .MathJax_Preview, .MathJax_SVG, i.material-icons, "
    "span.material-icons, .material-symbols-outlined, .sr-only-focusable"
)
_HIDDEN = "[hidden]:not([hidden='until-found']), [style*='display:none' i], [style*='display: none' i]"
_PANELS = (
    "[role=tabpanel], .tab-pane, .tabbed-block, .tabcontent, .tabpanel, .dyncontent, [class*='collaps' i], details"
)
"""What is hidden only until the reader asks for it."""
_TOGGLES = "[onclick], [aria-controls]"
_TOGGLE = re.compile(r"show|hide|toggle|expand|collapse|fold", re.IGNORECASE)
_NAME = re.compile(r"[\w.:-]+")
_BY_TAG = (
    "nav, [role=navigation], [role=search], [role=contentinfo], [aria-label^='breadcrumb' i], dialog, "
    "[data-pagefind-ignore], span.permalink"
)
_BY_CLASS = "." + ", .".join(
    # links of headings to themselves
    "headerlink anchor-link anchorjs-link header-anchor hash-link heading-anchor td-heading-self-link "
    "self-link direct-link sl-anchor-link "
    # links to the source
    "edit-this-page theme-edit-this-page md-content__button md-content__action td-page-meta edit-link edit-page-link "
    "page-edit wy-breadcrumbs-aside viewcode-link viewcode-back linkcode-link view-source-link edit-on-github "
    # where the page is, and what is before and after it
    "breadcrumbs breadcrumb wy-breadcrumbs md-path bd-breadcrumbs theme-doc-breadcrumbs td-breadcrumbs navpath "
    "prev-next-area prev-next-footer prev-next-bottom rst-footer-buttons pagination-nav page-nav pagination "
    "theme-doc-footer navheader navfooter nav-chapters nav-wrapper VPDocFooter pager md-footer "
    "topNav bottomNav subNav navBarCell1 subNavList skipNav book-footer page-footer prev-next "
    # what is on the page, beside its text
    "md-sidebar toc-drawer bd-sidebar bd-toc sidebar-toc table-of-contents__wrapper theme-doc-toc-mobile "
    "theme-doc-toc-desktop book-toc td-sidebar-toc td-sidebar on-this-page fancy_toc toc-panel VPDocAsideOutline "
    "sphinxsidebar localtoc nav-list-search "
    # copying
    "copybtn copy-btn copy-button copy-code-button code-copy btn-clipboard clipboard-copy zeroclipboard-container "
    "md-clipboard clipboard-copy-txt btn-copy snippet-clipboard-content__copy "
    # when it was built or changed
    "last-updated lastupdated last_updated theme-last-updated td-page-meta__lastmod git-revision-date "
    "git-revision-date-localized-plugin md-source-file md-source-date page-last-modified gh-page-date lastmod "
    # whether it helped, who spoke of it, what is sold
    "page-feedback md-feedback feedback--title feedback--question feedback--answer feedback--response "
    "was-this-helpful page-helpful ethical-ads ethical-sidebar carbonads share-buttons social-share giscus utterances "
    # another version, cookies, leaps for the keyboard
    "version-warning version-warning-banner theme-doc-version-banner theme-doc-version-badge md-banner "
    "bd-header-announcement bd-header-version-warning outdated-warning alert-outdated devwarning rst-versions "
    "injected-warning cookie-banner cookie-consent cookieconsent cc-window cc-banner md-consent skip-link "
    "skip-to-content skip-to-main skip-nav md-skip screen-reader-skip "
    # tables and lists that a script fills
    "table-tabs dynheader".split()
)  # fmt: skip
_BY_ID = (
    "#cookie-banner, #cookie-consent, #cookieConsent, #onetrust-consent-sdk, #CybotCookiebotDialog, #disqus_thread, "
    "#nav-path, #version-warning-banner, #outdated-warning, #skip-to-content, #carbonads, #searchbox, #MSearchBox"
)
_FOOTNOTE_BACK = (
    "a.footnote-backref, a.footnote-back, a.reversefootnote, a[role=doc-backlink], a.fn-backref, a[href^='#fnref'], "
    "span.backrefs, a.data-footnote-backref"
)
_VITEPRESS = "div[class*='language-'] > span.lang, div[class*='language-'] > button, div.line-numbers-wrapper"
_CHROME = ", ".join((_BY_TAG, _BY_CLASS, _BY_ID, _FOOTNOTE_BACK, _VITEPRESS, GUTTERS))

_CONTENTS = ".toc, #toc, .contents, #TableOfContents, .table-of-contents, .minitoc, .toctree, #table-of-contents"
_IN_PAGE = 0.9
_MOST = 50
"""Elements of a kind that are looked at closely."""
_SELF_SIGNS = frozenset({"", "#", "¶", "§", "🔗", "◆", "⚓", "∞", "link", "permalink", "anchor", "[link]", "copy link"})
_SHORT = 60
_LEAVES = re.compile(
    r"(?:edit|improve|view|show|suggest (?:an )?(?:edits?|changes)(?: to)?|report (?:an )?issues?(?: with)?)"
    r"(?: (?:this|the))?(?: (?:page|source|document|article|doc))*"
    r"(?: (?:on|in|at|with) (?:github|gitlab|bitbucket|git))?"
    r"|skip to (?:the )?(?:main )?(?:content|navigation|search|body)|(?:back|return) to top|↑"
    r"|copy(?: code| to clipboard)?|open in (?:colab|github|binder)|print (?:this )?page",
    re.IGNORECASE,
)
_AMBIGUOUS = frozenset({"edit", "improve", "view", "show", "copy"})
_CHANGED = "last (?:updated|modified|changed|edited|revised|reviewed|built|generated)"
_STAMP = re.compile(
    rf"(?:this (?:page|document|article|file) (?:was |has been )?|page |document )?{_CHANGED}\b"
    r"(?:(?! last ).){0,60}(?:\b(?:19|20)\d\d\b|\bago\b|\d\d:\d\d)[^a-z]{0,20}"
    r"(?:[a-z.+:/ -]{0,6}|by .{1,40}|from commit .{1,20})",
    re.IGNORECASE,
)
_STAMP_LIKELY = re.compile(_CHANGED.replace(" ", r"\s+"), re.IGNORECASE)
_STAMPED = "p, div, small, span, em, i, footer, time, li, aside, h6, address"


def remove_unreadable(body: LexborNode) -> None:
    """Takes out what shows no text, or is hidden and stays so."""
    remove(body.css(UNREADABLE))
    hidden = [node for node in body.css(_HIDDEN) if node.tag not in ("body", "html")]
    if hidden:
        shown = {node.mem_id for node in body.css(_PANELS)} | _unfolded(body, hidden)
        remove([node for node in hidden if node.mem_id not in shown])


def remove_chrome(content: LexborNode) -> None:
    """Takes the chrome out of an element of the content; the element itself stays."""
    own = content.mem_id
    unwanted = [node for node in content.css(_CHROME) if node.mem_id != own]
    unwanted += [node for node in content.css("button") if not _is_label(node)]
    unwanted += [node for node in content.css("footer")[:_MOST] if node.mem_id != own and _is_page_footer(node)]
    unwanted += [node for node in content.css(_CONTENTS)[:_MOST] if node.mem_id != own and _lists_this_page(node)]
    unwanted += [node for node in content.css("a") if _leads_nowhere(node)]
    if _STAMP_LIKELY.search(content.text()):
        unwanted += [node for node in content.css(_STAMPED) if node.mem_id != own and _is_stamp(node)]
    remove(unwanted)


def _unfolded(body: LexborNode, hidden: Sequence[LexborNode]) -> set[int]:
    """The hidden elements that a button of the page shows."""
    named: set[str] = set()
    for node in body.css(_TOGGLES):
        attributes = node.attributes
        named.update(_NAME.findall(attributes.get("aria-controls") or ""))
        if _TOGGLE.search(action := attributes.get("onclick") or ""):
            named.update(_NAME.findall(action))
    return {node.mem_id for node in hidden if node.attributes.get("id") in named}


def _leads_nowhere(link: LexborNode) -> bool:
    """Whether a link is a sign beside a heading, or leads to where the page is edited."""
    text = short_text(link, _SHORT)
    if text is None:
        return False
    words = one_line(text).casefold()
    if words in _SELF_SIGNS:
        href = link.attributes.get("href") or ""
        return href.startswith("#") and link.css_first("img") is None and (bool(words) or _in_heading(link))
    return words not in _AMBIGUOUS and _LEAVES.fullmatch(words) is not None


def _in_heading(node: LexborNode) -> bool:
    parent = node.parent
    return parent is not None and parent.tag in ("h1", "h2", "h3", "h4", "h5", "h6", "dt", "caption", "figcaption")


def _is_label(button: LexborNode) -> bool:
    """Whether a button says what opens below it, as those of tabs and folded sections do."""
    attributes = button.attributes
    if attributes.get("role") == "tab" or "aria-expanded" in attributes or "aria-controls" in attributes:
        return True
    classes = (attributes.get("class") or "").lower()
    return "accordion" in classes or "collaps" in classes or "tab" in classes or _in_heading(button)


def _is_page_footer(footer: LexborNode) -> bool:
    attributes = footer.attributes
    if "footnote" in (attributes.get("class") or "") or attributes.get("role") == "doc-endnotes":
        return False
    parent = footer.parent
    return parent is not None and parent.tag not in ("blockquote", "figure") and footer.css_first(".footnotes") is None


def _lists_this_page(node: LexborNode) -> bool:
    """Whether an element is a list of links into this page and of nothing else."""
    links = node.css("a[href]")
    if len(links) < 2:
        return False
    within = sum((link.attributes.get("href") or "").startswith("#") for link in links)
    linked = sum(len(one_line(link.text())) for link in outermost(links))
    return within >= _IN_PAGE * len(links) and linked >= _IN_PAGE * 0.5 * len(one_line(node.text()))


def _is_stamp(node: LexborNode) -> bool:
    text = short_text(node, 4 * _SHORT)
    return text is not None and any(map(str.isdigit, text)) and _STAMP.fullmatch(one_line(text)) is not None
