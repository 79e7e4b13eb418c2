"""The routes: a page that works without script, the part of it that refreshes, and the same snapshot as JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader

from migrator.app.context import Runtime
from migrator.app.report import as_json, snapshot
from migrator.domain.progress import CAPACITY, JobSnapshot, with_rate
from migrator.errors import MigratorError, NotFound
from migrator.web.spell import FILTERS

_HERE = Path(__file__).parent
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; form-action 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_LOCAL = ("127.0.0.1", "localhost", "[::1]")


def create_site(rt: Runtime) -> FastAPI:
    """Return the ASGI application. It reads the tracking database and changes nothing."""
    site = FastAPI(title="migrator", docs_url=None, redoc_url=None, openapi_url=None)
    pages = Environment(loader=FileSystemLoader(_HERE / "templates"), autoescape=True, trim_blocks=True)
    pages.filters.update(FILTERS)
    pages.globals["capacity"] = CAPACITY
    earlier: dict[str, JobSnapshot] = {}

    def current(name: str) -> JobSnapshot:
        now = with_rate(snapshot(rt, name), earlier.get(name))
        earlier[name] = now
        return now

    def page(template: str, **values: object) -> HTMLResponse:
        return HTMLResponse(pages.get_template(template).render(**values))

    @site.middleware("http")
    async def guard(request: Request, follow: Callable[[Request], Awaitable[Response]]) -> Response:
        # A page elsewhere may resolve its own name to this machine; only our own names are answered.
        if request.headers.get("host", "").rpartition(":")[0] not in _LOCAL:
            return PlainTextResponse("this dashboard answers on loopback names only", 421)
        response = await follow(request)
        response.headers.update(_HEADERS)
        return response

    @site.exception_handler(MigratorError)
    async def refused(_: Request, error: MigratorError) -> Response:
        status = 404 if isinstance(error, NotFound) else 503
        return JSONResponse({"status": status, "title": str(error), "detail": error.hint}, status)

    @site.get("/")
    def jobs() -> Response:
        return page("jobs.html", jobs=[current(job.name) for job in rt.store.jobs.all()])

    @site.get("/jobs/{name}")
    def job(name: str) -> Response:
        return page("job.html", job=current(name))

    @site.get("/jobs/{name}/live")
    def live(name: str) -> Response:
        return page("live.html", job=current(name))

    @site.get("/api/jobs")
    def all_jobs() -> Response:
        return JSONResponse([job.name for job in rt.store.jobs.all()])

    @site.get("/api/jobs/{name}")
    def one_job(name: str) -> Response:
        return Response(as_json(current(name)), media_type="application/json")

    site.mount("/static", StaticFiles(directory=_HERE / "static"), name="static")
    return site
