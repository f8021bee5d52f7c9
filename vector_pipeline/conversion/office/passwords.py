"""Office files with a password: told from damaged ones, and opened with the passwords of the settings.

What is encrypted can be told without a library. To open it takes msoffcrypto-tool, which belongs to the office extra;
where it is missing such a file is encrypted, and that is all.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import struct
from collections.abc import Sequence

from vector_pipeline.conversion.office.ole import CompoundFile
from vector_pipeline.conversion.office.troubles import encrypted

_PACKAGE = "EncryptedPackage"
_LIBRARY = "msoffcrypto"
_OLDER = frozenset({"doc", "xls", "ppt"})
_WORD_IS_ENCRYPTED = 0x0100
_EXCEL_BEGIN, _EXCEL_PASSWORD = {0x0809, 0x0009, 0x0209, 0x0409}, 0x002F
_PRESENTATION_IS_ENCRYPTED = 0xF3D1C4DF


def is_encrypted(kind: str, file: CompoundFile) -> bool:
    """Whether a compound file holds an encrypted newer file, or is an older one with a password itself."""
    if file.has(_PACKAGE):
        return True
    if kind == "doc":
        head = file.read("WordDocument")[:12]
        return len(head) == 12 and bool(struct.unpack_from("<H", head, 10)[0] & _WORD_IS_ENCRYPTED)
    if kind == "xls":
        return _has_password_record(file.read("Workbook") or file.read("Book"))
    if kind == "ppt":
        head = file.read("Current User")[:16]
        return len(head) == 16 and struct.unpack_from("<I", head, 12)[0] == _PRESENTATION_IS_ENCRYPTED
    return False


def decrypted(kind: str, data: bytes, passwords: Sequence[str]) -> bytes:
    """The file as it is without its password. Raises ConversionError where none of the passwords opens it."""
    can_open = importlib.util.find_spec(_LIBRARY) is not None
    if can_open and passwords:
        library = importlib.import_module(_LIBRARY)
        for password in passwords:
            opened = io.BytesIO()
            try:
                file = library.OfficeFile(io.BytesIO(data))
                # Of the older formats a password is always verified, and there is no such option.
                file.load_key(password, **({} if kind in _OLDER else {"verify_password": True}))
                file.decrypt(opened)
            except Exception as error:  # noqa: BLE001 - each format and each broken file has its own
                last = error
                continue
            return opened.getvalue()
        raise encrypted(kind, len(passwords)) from last
    raise encrypted(kind, 0, can_open=can_open)


def _has_password_record(workbook: bytes) -> bool:
    """The record follows the first one within the few that describe the workbook as a whole."""
    place = 0
    for _ in range(10):
        if place + 4 > len(workbook):
            return False
        record, length = struct.unpack_from("<HH", workbook, place)
        if record == _EXCEL_PASSWORD:
            return True
        if place == 0 and record not in _EXCEL_BEGIN:
            return False
        place += 4 + length
    return False
