"""A new user's first page: with the code that an administrator gave them they choose their password."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, Field

from hub.api.access import PUBLIC, Hub, Route, cookie_name, find_identity
from hub.api.auth.passwords import LEAST_CHARS, PasswordError
from hub.api.auth.setup import SetupError
from hub.api.errors import ApiError
from hub.api.routes import login as api
from hub.api.services import Services
from hub.console.form_token import FormToken
from hub.console.language import marked as _
from hub.console.page import OPTIONS
from hub.console.routes.login import stranger_form


class ActivationForm(BaseModel):
    """What the page sends."""

    name: Annotated[str, Field(max_length=64)] = ""
    code: Annotated[str, Field(max_length=128)] = ""
    password: Annotated[str, Field(max_length=256)] = ""
    again: Annotated[str, Field(max_length=256)] = ""
    token: Annotated[str, Field(max_length=128)] = ""


async def activation_page(request: Request, hub: Hub) -> Response:
    """Aktifkan akun / The page for a new user, or one whose login was reset; who is logged in has no use for it."""
    token = request.cookies.get(cookie_name(hub), "")
    if token and await find_identity(hub, token) is not None:
        return RedirectResponse("/", 303)
    return await _form(request, hub, ActivationForm())


async def activate(request: Request, hub: Hub, said: Annotated[ActivationForm, Form()]) -> Response:
    """Aktifkan akun / Choose a password by the one-time code, then log in."""
    form = FormToken(request, hub)
    if not form.fits(said.token):
        return await _form(request, hub, said, ApiError("csrf"))
    if not said.name.strip() or not said.code.strip():
        return await _form(request, hub, said, ApiError("invalid"), _("Code and name are needed."))
    if said.password != said.again:
        return await _form(request, hub, said, ApiError("invalid"), _("The two passwords differ."))
    body = api.Activation(name=said.name, code=said.code, password=said.password or " ")
    try:
        await api.activate(body, request, hub)
    except SetupError:
        return await _form(request, hub, said, ApiError("setup"))
    except PasswordError:
        why = _("A password has at least 12 characters, and not the name in it.")
        return await _form(request, hub, said, ApiError("invalid"), why)
    except ApiError as error:
        return await _form(request, hub, said, error)
    answer = RedirectResponse("/login", 303)
    form.drop(answer)
    return answer


async def _form(
    request: Request, hub: Services, said: ActivationForm, fault: ApiError | None = None, why: str = ""
) -> HTMLResponse:
    context = {"said_before": said, "why": why, "least": LEAST_CHARS}
    answer = await stranger_form(request, hub, "activation.html", context, fault.code if fault else "")
    if fault is not None:
        answer.headers.update(fault.headers or {})
    return answer


ROUTES = (
    Route("GET", "/activate", activation_page, PUBLIC, "pages", OPTIONS),
    Route("POST", "/activate", activate, PUBLIC, "pages", OPTIONS),
)
