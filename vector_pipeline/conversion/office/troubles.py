"""The words for what is wrong with an office file: one reason for each thing a user can do about it."""

from __future__ import annotations

from vector_pipeline.conversion.content import ConversionError

_NAMES = {"image": "picture", "eml": "e-mail", "msg": "Outlook message"}


def name_of(kind: str) -> str:
    """What people call a kind of file."""
    return _NAMES.get(kind, kind.upper())


def is_empty(kind: str) -> ConversionError:
    """No bytes at all."""
    return ConversionError(f"{name_of(kind)} is empty (0 bytes)", hint="save it again from the program that made it")


def damaged(kind: str, how: str) -> ConversionError:
    """The bytes begin as they should, and then are not what the format demands; `how` says it in a few words."""
    return ConversionError(f"{name_of(kind)} is damaged ({how})", hint="save it again from the program that made it")


def something_else(kind: str, what: str) -> ConversionError:
    """Another format than the name promises; `what` is that format, "" where it is none we know."""
    found = f", but {what}" if what else ", whatever its name says"
    return ConversionError(f"not a file of kind {name_of(kind)}{found}", hint="give it the right suffix")


def encrypted(kind: str, passwords: int, *, can_open: bool = True) -> ConversionError:
    """A password is needed. `passwords` is how many were tried, `can_open` whether the right one would help."""
    if not can_open:
        return ConversionError(f"{name_of(kind)} is encrypted", hint="save it without a password")
    if passwords:
        return ConversionError(
            f"{name_of(kind)} is encrypted, and no password of the settings opens it",
            hint="add its password: conversion.passwords",
        )
    return ConversionError(
        f"{name_of(kind)} is encrypted", hint="give its password in the settings: conversion.passwords"
    )


def no_text(kind: str) -> ConversionError:
    """Whole and readable, and not a word in it: pictures of pages, or a form nobody filled in."""
    return ConversionError(
        f"{name_of(kind)} has no text (only pictures?)", hint="recognize its text with OCR first, or exclude it"
    )


def too_large(kind: str, how: str) -> ConversionError:
    """A bomb, or a file that holds more than a search can use; `how` names what there is too much of."""
    return ConversionError(f"{name_of(kind)} is too large ({how})", hint="split it, or exclude it in the settings")


def too_deep(kind: str) -> ConversionError:
    """Elements within elements, more than any author makes."""
    return ConversionError(f"{name_of(kind)} is nested too deep", hint="save it again from the program that made it")


def refused_entities(kind: str, part: str) -> ConversionError:
    """XML that declares entities of its own, of which bombs are made and which no office program writes."""
    return ConversionError(
        f"{name_of(kind)} declares XML entities (in {part})", hint="save it again from the program that made it"
    )
