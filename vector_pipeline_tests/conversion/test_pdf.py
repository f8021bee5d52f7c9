"""PDF files, written by hand here: text and pages, and each way in which one can't be read."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from vector_pipeline.conversion.convert import ConversionError, convert
from vector_pipeline.conversion.pdf import MAX_PAGES


def make_pdf(
    pages: list[str], trailer: str = "", information: str = "/Title (A study) /Author (Ada) /CreationDate (D:20240203)"
) -> bytes:
    """A PDF with one line of text per page."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, text in enumerate(pages):
        content = f"BT /F1 12 Tf 20 100 Td ({text}) Tj ET" if text else ""
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 200] /Contents {5 + 2 * number} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(content)} >>\nstream\n{content}\nendstream")
    objects.append(f"<< {information} >>")
    out = bytearray(b"%PDF-1.4\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1")
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{place:010} 00000 n \n".encode() for place in places)
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R /Info {len(objects)} 0 R {trailer} >>\n".encode()
    return bytes(out + f"startxref\n{start}\n%%EOF\n".encode())


def test_pages_are_joined_and_their_starts_noted() -> None:
    converted = convert("a.pdf", make_pdf(["First page", "Second page", "", "Fourth"]))
    assert converted.text == "First page\n\nSecond page\n\n\n\nFourth"
    assert converted.metadata["page_starts"] == [0, 12, 25, 27]
    assert [converted.text[start : start + 4] for start in converted.metadata["page_starts"]] == [
        "Firs",
        "Seco",
        "\n\nFo",
        "Four",
    ]
    assert (converted.title, converted.kind, converted.metadata["pages"]) == ("A study", "text", 4)
    assert converted.metadata["author"] == "Ada"
    assert converted.metadata["created_at"] == "2024-02-03T00:00:00+00:00"


def test_a_title_that_a_program_made_up_is_no_title() -> None:
    assert convert("a.pdf", make_pdf(["x"], information="/Title (untitled)")).title == ""


@pytest.mark.parametrize("title", ["<FEFFD83D>", "<FEFF0041D83D>", "<FEFFDC00D800>"])
def test_a_title_with_half_a_character_costs_the_title_only(title: str) -> None:
    converted = convert("a.pdf", make_pdf(["words"], information=f"/Title {title} /Author (Ada)"))
    assert (converted.text, converted.title, converted.metadata["author"]) == ("words", "", "Ada")


ENCRYPTED = "/Encrypt << /Filter /Standard /V 1 /R 2 /O <{0}> /U <{0}> /P -4 >> /ID [<00><00>]".format("41" * 32)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (make_pdf(["words"], trailer=ENCRYPTED), "PDF is encrypted"),
        (b"%PDF-1.4\nbroken", "PDF is damaged"),
        (b"", "PDF is damaged"),
        (b"words, not a PDF", "PDF is damaged"),
        (make_pdf(["", ""]), r"PDF has no text on its 2 pages \(scanned\?\)"),
        (make_pdf(["x"] * (MAX_PAGES + 1)), "PDF is too long"),
    ],
)
def test_each_way_of_not_being_readable_has_its_own_reason(data: bytes, reason: str) -> None:
    with pytest.raises(ConversionError, match=reason) as caught:
        convert("a.pdf", data)
    assert caught.value.hint


def test_cut_off_files_are_damaged_or_read_but_never_crash() -> None:
    whole = make_pdf(["words"] * 3)
    for length in range(0, len(whole), 37):
        with suppress(ConversionError):
            assert "words" in convert("a.pdf", whole[:length]).text


def test_several_threads_may_read_at_once() -> None:
    data = make_pdf([f"Page {number}" for number in range(30)])
    with ThreadPoolExecutor(4) as pool:
        texts = {converted.text for converted in pool.map(lambda _: convert("a.pdf", data), range(40))}
    assert len(texts) == 1
