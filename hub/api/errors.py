"""Errors as the API says them: a stable code, the sentence in Bahasa Indonesia first, then in English."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from hub.agencies.fields import EntryError
from hub.agencies.store import DirectoryConflictError
from hub.alarms.machine import AlarmError, WithholdError
from hub.api.auth.passwords import PasswordError
from hub.api.auth.setup import SetupError
from hub.api.auth.users import NoUserError, UserError
from hub.errors import HubError, StoreUnavailableError
from hub.incidents.machine import NotFoundError, TransitionError, VersionConflictError
from hub.shifts.watch import ShiftError

log = logging.getLogger(__name__)

CODES: Mapping[str, tuple[int, str, str]] = MappingProxyType(
    {
        "not_logged_in": (401, "Anda belum masuk atau sesi telah berakhir.", "You are not logged in."),
        "wrong_login": (401, "Nama atau kata sandi salah.", "Wrong name or password."),
        "unsigned": (
            403,
            "Tanda tangan tidak cocok, sudah lewat, atau sudah dipakai.",
            "The signature does not fit, is too old, or was used.",
        ),
        "not_vouched": (
            403,
            "Penerbit akun tidak menjamin Anda di sini.",
            "The issuer of logins does not vouch for you here.",
        ),
        "second_factor": (403, "Faktor kedua masih diperlukan.", "The second factor is still needed."),
        "forbidden": (403, "Peran Anda tidak mengizinkan ini.", "Your role does not allow this."),
        "csrf": (
            403,
            "Token halaman tidak cocok; muat ulang halaman.",
            "The page's token does not fit; reload.",
        ),
        "foreign_origin": (403, "Permintaan datang dari situs lain.", "The request comes from another site."),
        "setup": (403, "Kode penyiapan tidak berlaku.", "The set-up code is not valid."),
        "not_found": (404, "Tidak ditemukan.", "Not found."),
        "method": (405, "Cara ini tidak tersedia di alamat ini.", "The address does not offer this method."),
        "conflict": (
            409,
            "Orang lain telah mengubahnya; baca ulang.",
            "Someone else changed it; read it again.",
        ),
        "not_possible": (409, "Langkah ini tidak mungkin dalam keadaan ini.", "Not possible in this state."),
        "too_large": (413, "Permintaan terlalu besar.", "The request is too large."),
        "invalid": (422, "Isian tidak sah.", "The request is not valid."),
        "wrong_code": (
            422,
            "Kode salah atau sudah dipakai; tunggu kode berikutnya.",
            "The code is wrong or was used; wait for the next one.",
        ),
        "too_many_tries": (429, "Terlalu banyak percobaan; tunggu.", "Too many tries; wait."),
        "too_many_requests": (429, "Terlalu banyak permintaan; tunggu.", "Too many requests; wait."),
        "too_many_streams": (429, "Terlalu banyak aliran terbuka.", "Too many streams are open."),
        "internal": (500, "Terjadi kesalahan di pusat data.", "Something failed in the hub."),
        "issuer": (
            503,
            "Penerbit akun tidak dapat dihubungi.",
            "The issuer of logins cannot be reached now.",
        ),
        "store": (503, "Basis data sedang tidak tersedia.", "The database is not available now."),
        "series": (503, "Deret waktu sedang tidak tersedia.", "The time series are not available now."),
    }
)
"""Every error code with its HTTP status and its two sentences."""

_BY_STATUS = {401: "not_logged_in", 403: "forbidden", 404: "not_found", 405: "method", 413: "too_large"}

_BY_TYPE: tuple[tuple[type[Exception], str], ...] = (
    (NotFoundError, "not_found"),
    (NoUserError, "not_found"),
    (VersionConflictError, "conflict"),
    (DirectoryConflictError, "conflict"),
    (EntryError, "not_possible"),
    (ShiftError, "not_possible"),
    (TransitionError, "not_possible"),
    (AlarmError, "not_possible"),
    (WithholdError, "not_possible"),
    (SetupError, "setup"),
    (UserError, "invalid"),
    (PasswordError, "invalid"),
    (StoreUnavailableError, "store"),
)
"""Which code an error of ours gets; the first that fits."""


class ApiError(HubError):
    """What a route answers instead of a result.

    Attributes:
        code: one of CODES.
        headers: of the answer.
        told: whether the message is one for people, in the words of the pages' catalogue.
    """

    told = False

    def __init__(self, code: str, message: str = "", *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message or CODES[code][2])
        self.code = code
        self.headers = headers
        self.detail = message


def answer(code: str, detail: Any = None, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The JSON of an error."""
    status, indonesian, english = CODES[code]
    body: dict[str, Any] = {"code": code, "message": {"id": indonesian, "en": english}}
    if detail:
        body["detail"] = detail
    return JSONResponse({"error": body}, status, headers=dict(headers or {}))


@dataclass(frozen=True, slots=True)
class Fault:
    """What is answered instead of a result.

    Attributes:
        code: one of CODES.
        detail: what may be told beside it.
        headers: of the answer.
        told: whether the detail is a sentence of the pages' catalogue.
    """

    code: str
    detail: Any = None
    headers: Mapping[str, str] | None = None
    told: bool = False


Say = Callable[[Request, Fault], Response]
"""Puts a fault into the form that who asks can read."""


def install(app: FastAPI, page: Say) -> None:
    """Give the application its error answers: JSON below /api, elsewhere what ``page`` makes of a fault."""

    async def say(request: Request, error: Exception) -> Response:
        fault = judge(request, error)
        if _is_api(request):
            return answer(fault.code, fault.detail, fault.headers)
        return page(request, fault)

    for kind in (ApiError, HubError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, say)


def judge(request: Request, error: Exception) -> Fault:
    """The fault that an error is; one that nobody foresaw is logged and told without its words."""
    if isinstance(error, ApiError):
        return Fault(error.code, error.detail, error.headers, error.told)
    if isinstance(error, RequestValidationError):
        # Where and why, never the value: it may be a password.
        return Fault(
            "invalid",
            [{"where": [str(part) for part in one["loc"]], "why": str(one["msg"])} for one in error.errors()],
        )
    if isinstance(error, HTTPException):
        code = _BY_STATUS.get(error.status_code, "internal" if error.status_code >= 500 else "invalid")
        return Fault(code, headers=error.headers)
    for kind, code in _BY_TYPE:
        if isinstance(error, kind):
            assert isinstance(error, HubError)
            return Fault(code, error.message if code != "store" else None)
    log.error(
        "api failed method=%s path=%s error=%s",
        request.method,
        request.url.path,
        type(error).__name__,
        exc_info=error,
    )
    return Fault("internal")


def _is_api(request: Request) -> bool:
    return request.url.path == "/api" or request.url.path.startswith("/api/")
