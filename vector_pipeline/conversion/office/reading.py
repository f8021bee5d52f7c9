"""From the bytes of an office file to text: what it really is, whether it is locked, and who reads it."""

from __future__ import annotations

from collections.abc import Sequence

from vector_pipeline.conversion.content import ConversionError, Converted
from vector_pipeline.conversion.guarding import guarded
from vector_pipeline.conversion.office.archives import OfficeArchive, check_xml
from vector_pipeline.conversion.office.mail import convert_mail
from vector_pipeline.conversion.office.old_presentations import convert_old_presentation
from vector_pipeline.conversion.office.ole import BrokenCompoundFile, CompoundFile
from vector_pipeline.conversion.office.open_document import convert_open_presentation
from vector_pipeline.conversion.office.outlook import convert_outlook
from vector_pipeline.conversion.office.passwords import decrypted, is_encrypted
from vector_pipeline.conversion.office.pdf_pages import convert_pdf_pages
from vector_pipeline.conversion.office.pictures import convert_picture
from vector_pipeline.conversion.office.presentations import convert_presentation
from vector_pipeline.conversion.office.sheets import convert_sheets
from vector_pipeline.conversion.office.signatures import OLE, check_signature, format_of
from vector_pipeline.conversion.office.text_files import convert_text_file
from vector_pipeline.conversion.office.troubles import damaged, no_text

_OLDER = frozenset({"doc", "xls", "ppt", "msg"})
_MAY_BE_LOCKED = _OLDER | {"docx", "pptx", "xlsx"}
_CHECKED_ARCHIVES = frozenset({"docx", "xlsx", "odt", "ods", "epub"})
_SHEETS = frozenset({"xlsx", "xls", "ods"})


def convert_office(kind: str, data: bytes, name: str, passwords: Sequence[str] = ()) -> Converted:
    """The text of a file of an office kind, or of a PDF with its headings; `passwords` are tried on encrypted files.

    `name` is not looked at: what a file is, its first bytes decide within its kind. Raises ConversionError with a
    reason people understand, and nothing else whatever the bytes are, unless native code ends the process. A picture
    may have no text; in any other file that is a reason.
    """
    del name
    with guarded(kind):
        converted = _unlocked(kind, data, passwords)
    if kind != "image" and not converted.text.strip():
        raise no_text(kind)
    return converted


def _unlocked(kind: str, data: bytes, passwords: Sequence[str]) -> Converted:
    """The text of a file that may have a password."""
    if kind == "pdf":
        return convert_pdf_pages(data, passwords)
    if kind == "doc" and format_of(data) == "RTF":
        kind = "rtf"  # as Word itself may write them
    file = None
    if kind in _MAY_BE_LOCKED and data.startswith(OLE):
        file = _compound_file(kind, data)
        if _is_locked(kind, file):
            data = decrypted(kind, data, passwords)
            file = None
    check_signature(kind, data)
    if kind in _OLDER:
        return _converted_older(kind, data, file or _compound_file(kind, data))
    if kind in _CHECKED_ARCHIVES:
        OfficeArchive(kind, data).check()
    elif kind == "fb2":
        check_xml(kind, "it", data)
    return _converted(kind, data)


def _converted(kind: str, data: bytes) -> Converted:
    if kind in _SHEETS:
        return convert_sheets(kind, data)
    if kind == "pptx":
        return convert_presentation(data)
    if kind == "odp":
        return convert_open_presentation(data)
    if kind == "eml":
        return convert_mail(data)
    if kind == "image":
        return convert_picture(data)
    if kind in ("docx", "odt", "rtf", "epub", "fb2"):
        return convert_text_file(kind, data)
    raise ConversionError("unknown kind of file", hint="exclude it in the source's settings")


def _converted_older(kind: str, data: bytes, file: CompoundFile) -> Converted:
    if kind == "ppt":
        return convert_old_presentation(file)
    if kind == "msg":
        return convert_outlook(data, file)
    return convert_sheets(kind, data) if kind == "xls" else convert_text_file(kind, data)


def _is_locked(kind: str, file: CompoundFile) -> bool:
    try:
        return is_encrypted(kind, file)
    except BrokenCompoundFile as error:
        raise damaged(kind, "its streams are cut off") from error


def _compound_file(kind: str, data: bytes) -> CompoundFile:
    try:
        return CompoundFile(data)
    except BrokenCompoundFile as error:
        raise damaged(kind, "cut off, or its tables are broken") from error
