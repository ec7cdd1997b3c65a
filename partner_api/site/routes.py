"""``/docs``: pages for people, and what they need."""

import asyncio
from functools import cache
from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.status import HTTP_200_OK, HTTP_404_NOT_FOUND

from core.kernel.error_help import help_of
from core.kernel.errors import CATALOGUE
from partner_api.answers import tagged
from partner_api.bodies import StrictRoute
from partner_api.services import PartnerServices
from partner_api.site.build import Site
from partner_api.site.layout import ASSETS, POLICY, STATIC, Document, asset

_HOUR: Final = "public, max-age=3600"
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_REVALIDATE: Final = "public, max-age=60"

router = APIRouter(route_class=StrictRoute, include_in_schema=False)


@router.api_route("/docs/errors/{code}", methods=["GET", "HEAD"])
async def error(code: str, request: Request) -> Response:
    """Return what the ``type`` of a problem refers to: a page, or JSON if asked for."""
    kind = CATALOGUE.get(code)
    if kind is None or _wants_html(request):
        return await _page(request)
    content = {
        "code": kind.code,
        "title": kind.title,
        "status": kind.status,
        "retryable": kind.retryable,
        "cause": help_of(kind).cause,
        "remedy": help_of(kind).remedy,
    }
    answer = tagged(request, content, cache_control=_HOUR)
    answer.headers["Vary"] = "Accept"
    return answer


@router.api_route("/docs/search.json", methods=["GET", "HEAD"])
async def search(request: Request) -> Response:
    """Return the headings of all pages."""
    found = await asyncio.to_thread(_site(request).search)
    return _sent(request, found, media_type="application/json")


@router.api_route("/docs/assets/{digest}/{name}", methods=["GET", "HEAD"])
async def file(digest: str, name: str, request: Request) -> Response:
    """Return a style sheet, script or picture, under an address that never has another."""
    if name not in ASSETS or request.url.path != asset(name):
        return await _page(request)
    headers = {"Cache-Control": _FOR_EVER, "Content-Security-Policy": POLICY}
    return Response(_bytes_of(name), headers=headers, media_type=ASSETS[name])


@router.api_route("/docs", methods=["GET", "HEAD"])
@router.api_route("/docs/{path:path}", methods=["GET", "HEAD"])
async def any_page(request: Request) -> Response:
    """Return a page, or a page that says that there is none."""
    return await _page(request)


async def _page(request: Request) -> Response:
    site = _site(request)
    path = request.url.path
    if path != "/docs" and path.endswith("/") and path.rstrip("/") in site.addresses:
        return Response(status_code=308, headers={"Location": path.rstrip("/")})
    found = await asyncio.to_thread(site.page, path)
    if found is None:
        return _sent(request, site.missing, status=HTTP_404_NOT_FOUND)
    return _sent(request, found)


def _sent(
    request: Request, found: Document, *, status: int = HTTP_200_OK, media_type: str = "text/html"
) -> Response:
    is_good = status == HTTP_200_OK
    headers = {
        "Content-Security-Policy": POLICY,
        "Cache-Control": _REVALIDATE if is_good else "no-store",
        "ETag": found.tag,
        "Vary": "Accept",
    }
    known = [one.strip().removeprefix("W/") for one in _if_none_match(request).split(",")]
    if is_good and found.tag in known:
        return Response(status_code=304, headers=headers)
    return Response(found.body, status, headers, media_type)


def _if_none_match(request: Request) -> str:
    return request.headers.get("if-none-match", "")


def _wants_html(request: Request) -> bool:
    """Tell whether the caller is a browser or does not care; programs ask for JSON by name."""
    accept = request.headers.get("accept", "")
    return "text/html" in accept or "json" not in accept


@cache
def _bytes_of(name: str) -> bytes:
    return (STATIC / name).read_bytes()


_SITES: Final[dict[str, Site]] = {}
"""By the public address, which stands in the examples; platforms with the same one share a site."""


def _site(request: Request) -> Site:
    services = PartnerServices.of(request.scope)
    public_url = services.settings.public_url
    if public_url not in _SITES:
        _SITES[public_url] = Site(services.document())
    return _SITES[public_url]
