"""HipChat's errors: a JSON body with the status and a message."""

from http import HTTPStatus
from typing import Any, Dict, Optional

from flask import Response, jsonify
from werkzeug.exceptions import HTTPException


class ApiError(Exception):
    """A response with an error status; `details` are further keys of its error object."""

    def __init__(self, code: int, message: str, headers: Optional[Dict[str, str]] = None,
                 **details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.headers = headers or {}
        self.details = details


def error_body(code: int, message: str, **details: Any) -> Dict[str, Any]:
    """Return the body of an error, as HipChat shapes it."""
    error = {"code": code, "message": message, "type": HTTPStatus(code).phrase}
    return {"error": {**error, **details}}


def not_found(kind: str, name: object) -> ApiError:
    """Return the 404 for something that does not exist, e.g. Room 'Factor' not found."""
    return ApiError(404, f"{kind} '{name}' not found")


def answer_api_error(error: ApiError) -> Response:
    """Return the response for an `ApiError`."""
    response = jsonify(error_body(error.code, error.message, **error.details))
    response.status_code = error.code
    response.headers.update(error.headers)
    return response


def answer_http_error(error: HTTPException) -> Response:
    """Return the response for one of Werkzeug's errors; HipChat was built on Werkzeug too."""
    code, message = error.code or 500, error.description or ""
    if code == HTTPStatus.METHOD_NOT_ALLOWED:
        message = f"<p>{message}</p>"  # as captured from HipChat
    response = jsonify(error_body(code, message))
    response.status_code = code
    # Keep the headers of the status, such as Allow; jsonify has set the headers of the body.
    own = [(name, value) for name, value in error.get_headers() if name != "Content-Type"]
    response.headers.extend(own)
    return response
