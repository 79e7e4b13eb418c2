"""The routes: one page, its parts, and the same snapshot as JSON."""

from __future__ import annotations

from migrator.app.context import Runtime
from migrator.app.report import as_json, snapshot
from fastapi import FastAPI, Response


def create_site(rt: Runtime) -> FastAPI:
    """Return the ASGI application."""
    site = FastAPI(title="migrator", docs_url=None, redoc_url=None)

    @site.get("/api/jobs/{name}")
    def job(name: str) -> Response:
        return Response(as_json(snapshot(rt, name)), media_type="application/json")

    return site
