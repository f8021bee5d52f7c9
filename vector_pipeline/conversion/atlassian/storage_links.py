"""What Confluence's resource identifiers (`ri:page`, `ri:attachment`, …) point at: an address, and words for it."""

from __future__ import annotations

from lxml import etree

from vector_pipeline.conversion.atlassian.base import References
from vector_pipeline.conversion.atlassian.storage_elements import attribute, child, name_of


def account_of(user: etree._Element) -> str:
    """The account id of a user; on Data Center the user key or the user name."""
    keys = (attribute(user, f"ri:{key}") for key in ("account-id", "userkey", "username"))
    return next(filter(None, keys), "")


def linked_address(target: etree._Element, references: References) -> str:
    """The address of a resource, "" where it is not known."""
    match name_of(target):
        case "ri:page" | "ri:blog-post":
            return references.page(attribute(target, "ri:space-key"), attribute(target, "ri:content-title"))
        case "ri:attachment" if child(target, "ri:page") is None:
            return references.attachment(attribute(target, "ri:filename"))
        case "ri:url":
            return attribute(target, "ri:value")
        case _:
            return ""


def linked_words(target: etree._Element, references: References) -> str:
    """What a resource is called."""
    match name_of(target):
        case "ri:page" | "ri:blog-post":
            return attribute(target, "ri:content-title")
        case "ri:attachment":
            return attribute(target, "ri:filename")
        case "ri:url":
            return attribute(target, "ri:value")
        case "ri:space":
            return attribute(target, "ri:space-key")
        case "ri:user":
            account = account_of(target)
            name = references.user(account) or account
            return f"@{name}" if name else ""
        case "ri:shortcut":
            return attribute(target, "ri:parameter")
        case _:
            return ""
