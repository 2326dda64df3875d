"""A stored file as an answer, whole or the part that was asked for, so that a film can be sought in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from api.files import Files
from api.problems import Problem
from api.records.models import StoredFile

__all__ = ["file_response"]

_CHUNK = 256 * 1024
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def file_response(
    files: Files, stored: StoredFile, request: Request, media_type: str, headers: Mapping[str, str]
) -> Response:
    """The file, or one part of it (RFC 9110, 14); several parts at once are answered with the whole.

    Raises:
        Problem: 404, the store has lost the file; 416, the part begins behind its end.
    """
    etag = f'"{stored.sha256}"'
    all_headers = {**headers, "accept-ranges": "bytes", "etag": etag}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=all_headers)
    first, last, status = 0, stored.bytes - 1, 200
    asked = _RANGE.fullmatch(request.headers.get("range", ""))
    if asked is not None and any(asked.groups()) and request.headers.get("if-range", etag) == etag:
        begin, end = asked.groups()
        if begin:
            first, last = int(begin), min(int(end) if end else last, last)
        else:
            first = max(0, stored.bytes - int(end))
        if first > last:
            if begin and end and int(end) < int(begin):
                first, last = 0, stored.bytes - 1  # not a range at all: to be ignored
            else:
                raise Problem(
                    416,
                    f"The file has {stored.bytes} bytes.",
                    "Ask for a part within it.",
                    headers={"content-range": f"bytes */{stored.bytes}"},
                )
        else:
            status = 206
            all_headers["content-range"] = f"bytes {first}-{last}/{stored.bytes}"
    all_headers["content-length"] = str(last - first + 1)
    try:
        file = files.open(stored.clinic_id, stored.screening_id, stored.sha256)
    except FileNotFoundError as error:
        raise Problem(404, "The file is not in the store.", "Ask who runs this service.") from error
    return StreamingResponse(_pieces(file, first, last), status, media_type=media_type, headers=all_headers)


def _pieces(file: BinaryIO, first: int, last: int) -> Iterator[bytes]:
    with file:
        file.seek(first)
        left = last - first + 1
        while left > 0 and (piece := file.read(min(_CHUNK, left))):
            left -= len(piece)
            yield piece
