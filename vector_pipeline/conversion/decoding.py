"""Bytes to text: which encoding a file is in, and the normal form every text gets.

The order is: byte order mark, UTF-16/32 told by its zero bytes, UTF-8, what the file declares about itself, then a
guess. The guess is kept narrow on purpose: a short text in the Western code page must never become Chinese.
"""

from __future__ import annotations

import codecs
import re

import charset_normalizer

from vector_pipeline.conversion.kinds import FileKind

_SAMPLE = 8_000
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f]")
_SURROGATES = re.compile(r"[\ud800-\udfff]")
_BINARY_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\b\x1b"))
_XML_DECLARATION = re.compile(rb"""\A\s*<\?xml[^>]{0,200}?\bencoding\s*=\s*["']([\w.:-]{2,40})["']""")
_META_CHARSET = re.compile(rb"""<meta\b[^>]{0,400}?\bcharset\s*=\s*["']?\s*([\w.:-]{2,40})""", re.IGNORECASE)
_CODING_COOKIE = re.compile(rb"\A(?:[^\n]*\n)?[ \t\f]*#[^\n]{0,200}?coding[:=][ \t]*([-\w.]{2,40})")
_ESCAPED_CHARSETS = re.compile(r"iso2022|hz")
_REFUSED_CODECS = frozenset({"utf-7", "idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"})
_DENSE_CHARSETS = [
    *("cp1251", "koi8_r", "cp866", "cp1253", "cp1255", "cp1256", "cp874"),
    *("shift_jis", "cp932", "euc_jp", "gb18030", "big5", "euc_kr", "cp949"),
]
_DENSE_SHARE = 0.3
_DENSE_MINIMUM = 24


def looks_binary(data: bytes) -> bool:
    """Whether bytes are no text in any encoding `decode` reads: zero bytes or many control characters at the start."""
    if _by_mark(data) is not None:
        return False
    sample = data[:_SAMPLE]
    if b"\0" in sample:
        return _by_zeros(sample) is None
    controls = len(sample) - len(sample.translate(None, _BINARY_CONTROLS))
    return controls * 10 > len(sample)


def decode(data: bytes, kind: FileKind) -> str:
    """The text of a file in its normal form (see `normalize`); never fails, a byte that fits nothing becomes U+FFFD."""
    marked = _by_mark(data)
    if marked is not None:
        mark, encoding = marked
        return normalize(data[len(mark) :].decode(encoding, "replace"))
    if b"\0" in data[:_SAMPLE] and (wide := _by_zeros(data[:_SAMPLE])) is not None:
        return normalize(data.decode(wide, "replace"))
    declared = declared_encoding(data, kind)
    if declared is not None and _ESCAPED_CHARSETS.search(declared.replace("-", "").replace("_", "")):
        # These write other alphabets in ASCII, so they would pass as UTF-8.
        return normalize(data.decode(declared, "replace"))
    try:
        return normalize(data.decode("utf-8"))
    except UnicodeDecodeError:
        return normalize(_not_utf8(data, declared))


def normalize(text: str) -> str:
    """Newlines as "\\n", no byte order mark, control characters but tab as spaces, lone surrogates as U+FFFD."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = text.removeprefix("\ufeff")
    if _CONTROLS.search(text):
        text = _CONTROLS.sub(" ", text)
    return _SURROGATES.sub("\ufffd", text) if not text.isascii() else text


def declared_encoding(data: bytes, kind: FileKind) -> str | None:
    """The codec that an HTML meta tag, an XML declaration or a Python coding line names, if Python has it."""
    head = data[:2048]
    if kind.kind == "html":
        match = _XML_DECLARATION.match(head) or _META_CHARSET.search(head)
    elif kind.language == "xml":
        match = _XML_DECLARATION.match(head)
    elif kind.language == "python":
        match = _CODING_COOKIE.match(head)
    else:
        match = None
    if match is None:
        return None
    try:
        name = codecs.lookup(match[1].decode("ascii")).name
        "".encode(name)  # refuses codecs that are not text encodings (zip, base64)
    except (LookupError, UnicodeError):
        return None
    if name in _REFUSED_CODECS or name.startswith(("utf-16", "utf-32")):
        return None  # the declaration itself was readable as ASCII: it can't be true
    return "cp1252" if name in ("iso8859-1", "ascii") else name  # as browsers read them


def _by_mark(data: bytes) -> tuple[bytes, str] | None:
    return next(((mark, encoding) for mark, encoding in _BOMS if data.startswith(mark)), None)


def _by_zeros(sample: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark, told by where the zero bytes of ASCII characters lie; None if not clear."""
    if len(sample) < 4:
        return None
    sample = sample[: len(sample) // 4 * 4]
    zeros = [sample[offset::4].count(0) for offset in range(4)]
    quarter = len(sample) // 4
    most = quarter * 0.6
    if zeros[0] == zeros[1] == quarter and zeros[2] >= most and zeros[3] == 0:
        return _if_text(sample, "utf-32-be")
    if zeros[2] == zeros[3] == quarter and zeros[1] >= most and zeros[0] == 0:
        return _if_text(sample, "utf-32-le")
    if zeros[0] + zeros[2] == 0 and zeros[1] + zeros[3] >= 2 * most:
        return _if_text(sample, "utf-16-le")
    if zeros[1] + zeros[3] == 0 and zeros[0] + zeros[2] >= 2 * most:
        return _if_text(sample, "utf-16-be")
    return None


def _if_text(sample: bytes, encoding: str) -> str | None:
    """The encoding when it gives text: an array of small integers has the same zero bytes."""
    text = codecs.getincrementaldecoder(encoding)("replace").decode(sample)
    controls = sum(1 for character in text if character < " " and character not in "\t\n\r\f")
    return None if "\ufffd" in text or controls * 20 > len(text) else encoding


def _not_utf8(data: bytes, declared: str | None) -> str:
    if declared is not None and declared != "utf-8":
        try:
            return data.decode(declared)
        except UnicodeDecodeError:
            pass  # the declaration is wrong: go on as if there were none
    lenient = data.decode("utf-8", "replace")
    broken = lenient.count("\ufffd")
    if broken * 10 <= sum(map(len, re.findall(r"[^\x00-\x7f\ufffd]+", lenient))):
        return lenient  # UTF-8 with a damaged place
    high = len(data) - len(data.translate(None, bytes(range(128, 256))))
    letters = len(data) - len(data.translate(None, bytes(range(33, 256))))
    if high >= _DENSE_MINIMUM and high >= letters * _DENSE_SHARE:
        # Western texts are mostly ASCII; this one isn't, so another alphabet is worth a guess.
        best = charset_normalizer.from_bytes(data[:200_000], cp_isolation=_DENSE_CHARSETS).best()
        if best is not None:
            return data.decode(best.encoding, "replace")
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return data.decode("latin-1")
