"""PDF files of lines of text, written byte by byte."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence


def make_pdf(
    pages: Sequence[str],
    trailer: str = "",
    information: str = "/Title (A study) /Author (Ada) /CreationDate (D:20240203)",
    *,
    kids: str = "",
    password: str = "",
) -> bytes:
    """A PDF with these texts on its pages; a line is in large type where it begins with "# ".

    `kids` stands in the place of the list of pages. With a password it is encrypted as PDF 1.3 did it.
    """
    listed = kids or " ".join(f"{5 + 2 * number} 0 R" for number in range(len(pages)))
    objects: list[tuple[str, bytes | None]] = [
        ("<< /Type /Catalog /Pages 2 0 R >>", None),
        (f"<< /Type /Pages /Kids [{listed}] /Count {len(pages)} >>", None),
        ("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>", None),
        (f"<< {'' if password else information} >>", None),
    ]
    for number, text in enumerate(pages):
        content = _drawn(text)
        objects.append(
            (
                f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents {6 + 2 * number} 0 R "
                "/Resources << /Font << /F1 3 0 R >> >> >>",
                None,
            )
        )
        objects.append((f"<< /Length {len(content)} >>", content.encode("latin-1")))
    key = b""
    if password:
        identity = bytes(range(16))
        key, locked = _pdf_lock(password, identity)
        trailer += (
            f" /Encrypt << /Filter /Standard /V 1 /R 2 /P -4 {locked} >> /ID [<{identity.hex()}> <{identity.hex()}>]"
        )
    out = bytearray(b"%PDF-1.4\n")
    places = []
    for number, (body, stream) in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\n".encode("latin-1")
        if stream is not None:
            if key:
                own = hashlib.md5(key + number.to_bytes(3, "little") + b"\0\0", usedforsecurity=False).digest()[:10]
                stream = _rc4(own, stream)
            out += b"stream\n" + stream + b"\nendstream\n"
        out += b"endobj\n"
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{place:010} 00000 n \n".encode() for place in places)
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R /Info 4 0 R {trailer} >>\n".encode()
    return bytes(out + f"startxref\n{start}\n%%EOF\n".encode())


def _drawn(text: str) -> str:
    """The lines of a page as PDF draws them."""
    drawn, height = "", 700
    for line in filter(None, text.split("\n")):
        size, words = (24, line[2:]) if line.startswith("# ") else (12, line)
        drawn += f"BT /F1 {size} Tf 50 {height} Td ({words}) Tj ET "
        height -= 2 * size
    return drawn


_PADDING = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")


def _pdf_lock(password: str, identity: bytes) -> tuple[bytes, str]:
    """The key, and the entries of the encryption dictionary. Rules: PDF 32000-1, 7.6.3, revision 2."""
    padded = (password.encode() + _PADDING)[:32]
    owner = _rc4(hashlib.md5(padded, usedforsecurity=False).digest()[:5], padded)
    allowed = struct.pack("<i", -4)
    key = hashlib.md5(padded + owner + allowed + identity, usedforsecurity=False).digest()[:5]
    return key, f"/O <{owner.hex()}> /U <{_rc4(key, _PADDING).hex()}>"


def _rc4(key: bytes, data: bytes) -> bytes:
    box, j = list(range(256)), 0
    for i in range(256):
        j = (j + box[i] + key[i % len(key)]) % 256
        box[i], box[j] = box[j], box[i]
    out, i, j = bytearray(), 0, 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + box[i]) % 256
        box[i], box[j] = box[j], box[i]
        out.append(byte ^ box[(box[i] + box[j]) % 256])
    return bytes(out)
