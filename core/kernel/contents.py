"""What a file really is, from its bytes: names and announced types are not believed."""

import re
import struct
import zlib
from typing import Final

MEDIA_TYPES: Final = {"application/pdf": "pdf", "image/png": "png", "image/jpeg": "jpg"}
"""What is accepted, and how a file of it is called."""

_PDF: Final = re.compile(rb"%PDF-[12]\.\d")
_PDF_END: Final = re.compile(rb"%%EOF\s*\Z")
_PDF_ACTS: Final = re.compile(rb"/(?:JavaScript|JS|Launch|EmbeddedFiles?|RichMedia|XFA)\b")
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG_SCAN: Final = 0xDA
_JPEG_LONELY: Final = frozenset({0x01, *range(0xD0, 0xD8)})
_JPEG_FRAMES: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})


class UnknownContent(Exception):
    """It is no file of an accepted kind; *reason* says so to whoever sent it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def media_type(content: bytes) -> str:
    """Return the media type of a PDF, PNG or JPEG document that is whole.

    A PDF must neither run scripts nor start programs nor carry files, as far as its uncompressed
    parts tell. Nothing may follow the end of an image: what is two formats at once is refused.

    Raises:
        UnknownContent: Anything else.
    """
    if not content:
        raise UnknownContent("it is empty")
    if _PDF.match(content):
        _check_pdf(content)
        return "application/pdf"
    if content.startswith(_PNG):
        _check_png(content)
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        _check_jpeg(content)
        return "image/jpeg"
    raise UnknownContent("it is neither PDF, PNG nor JPEG")


def _check_pdf(content: bytes) -> None:
    if not _PDF_END.search(content[-1024:]):
        raise UnknownContent("the PDF has no end; was it cut off?")
    if _PDF_ACTS.search(content):
        raise UnknownContent("the PDF has scripts or carries files; print it to a plain PDF")


def _check_png(content: bytes) -> None:
    """Walk over the chunks (PNG 3, 5.3): lengths and checksums fit, IHDR first, IEND last."""
    at, kinds = len(_PNG), []
    while at + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, at)
        end = at + 12 + length
        if end > len(content):
            break
        kind_and_data = content[at + 4 : end - 4]
        if zlib.crc32(kind_and_data) != struct.unpack_from(">I", content, end - 4)[0]:
            break
        kinds.append(kind_and_data[:4])
        at = end
        if kinds[-1] == b"IEND":
            break
    whole = at == len(content) and kinds[:1] == [b"IHDR"] and kinds[-1:] == [b"IEND"]
    if not whole or b"IDAT" not in kinds:
        raise UnknownContent("the PNG is damaged, or something follows its end")


def _check_jpeg(content: bytes) -> None:
    """Walk over the segments (ISO 10918-1, B.1.1) up to the picture; it ends with EOI."""
    at, has_frame = 2, False
    while at + 4 <= len(content) and content[at] == 0xFF:  # noqa: PLR2004 - begins a marker
        marker = content[at + 1]
        if marker == 0xFF or marker in _JPEG_LONELY:  # noqa: PLR2004 - fill byte
            at += 1 if marker == 0xFF else 2  # noqa: PLR2004 - fill byte
            continue
        if marker == _JPEG_SCAN:
            break
        has_frame = has_frame or marker in _JPEG_FRAMES
        at += 2 + max(2, struct.unpack_from(">H", content, at + 2)[0])
    is_scan = content[at : at + 2] == b"\xff\xda"
    if not (is_scan and has_frame and content.endswith(b"\xff\xd9")):
        raise UnknownContent("the JPEG is damaged, or something follows its end")
