"""The Core's calls about files: `POST /file`, `GET /file/{data_id}` and `GET /hash/{hash}`."""

from urllib.parse import unquote_to_bytes

from fastapi import APIRouter, Request
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from hotslot.node.core_api.errors import CoreError
from hotslot.node.processing import NotActiveError, Processing
from hotslot.node.processing.intake import FileRefusedError
from hotslot.node.processing.upload import StalledError

LONGEST_NAME = 255
"""Characters of a file's name that are kept."""

_LONGEST_LENGTH = 20
"""Digits of a `Content-Length`: no file is as long, and more would only cost time to read."""

# The Core knows these; without them a client would wait for what never comes.
_UNSUPPORTED = ("callbackurl", "downloadfrom", "filepath", "batch")

router = APIRouter()


@router.post("/file")
async def process_file(request: Request) -> Response:
    """Take a file in; the body is the file. Ask for its result with the `data_id`."""
    processing = _processing(request)
    try:
        processing.check_right()
        for header in _UNSUPPORTED:
            if header in request.headers:
                return _error(
                    400,
                    f"The header {header} is not supported here. Send the file as the body, and "
                    "ask GET /file/{data_id} for the result.",
                )
        data_id = await processing.submit(
            request.stream(),
            length=_length(request),
            name=_name(request),
            client=_client(request),
        )
    except NotActiveError as error:
        return _error(503, str(error))
    except FileRefusedError as error:
        return _error(error.status, str(error))
    except StalledError:
        return _error(408, "The file did not come to its end, or too slowly. Send it again.")
    except ClientDisconnect:
        return Response(status_code=400)  # for the log: nobody gets it
    return JSONResponse({"data_id": data_id})


@router.post("/file/batch", include_in_schema=False)
async def refuse_batch() -> Response:
    """Say that there are none: the Core has them."""
    return _error(
        400,
        "Batches are not supported here. Send each file with POST /file, and ask "
        "GET /file/{data_id} for its result.",
    )


@router.get("/file/{data_id}")
async def fetch_result(request: Request, data_id: str) -> Response:
    """What is known of a file that was sent; `progress_percentage` is 100 when nothing changes."""
    return _report(data_id, await _processing(request).report(data_id))


@router.get("/hash/{digest}")
async def fetch_result_by_hash(request: Request, digest: str) -> Response:
    """The newest result for the file with this MD5, SHA-1 or SHA-256."""
    return _report(digest, await _processing(request).report_by_hash(digest))


def _processing(request: Request) -> Processing:
    processing = request.app.state.node.processing
    assert isinstance(processing, Processing)
    return processing


def _report(asked: str, report: bytes | None) -> Response:
    if report is None:
        return JSONResponse({asked: "Not Found"}, 404)
    return Response(report, media_type="application/json")


def _error(status: int, text: str) -> Response:
    return JSONResponse({"err": text}, status)


def _length(request: Request) -> int | None:
    """How long the body is; None when that isn't said, as with chunks, which the Core refuses."""
    length = request.headers.get("content-length")
    if length is None:
        return None
    # The server has seen to it that this is the only word on the length, and not to how long it is.
    if not (length.isascii() and length.isdigit() and len(length) <= _LONGEST_LENGTH):
        raise CoreError(
            400, f"Content-Length has to be a number of at most {_LONGEST_LENGTH} digits."
        )
    return int(length)


def _client(request: Request) -> str:
    """Whose places the file counts against."""
    return "" if request.client is None else request.client.host


def _name(request: Request) -> str:
    """The `filename` header: percent-encoded UTF-8, for showing only."""
    name = unquote_to_bytes(request.headers.get("filename", "").encode("latin-1"))
    shown = (char for char in name.decode("utf-8", "replace") if char.isprintable())
    return "".join(shown)[:LONGEST_NAME]
