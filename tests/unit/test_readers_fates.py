"""What each kind of reader sees depends on the surroundings, and whoever does not survive is told what helps."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from migrator.domain.assumptions import QUESTIONS
from migrator.domain.fates import CORS, CUSTOM_DOMAIN, HTTPS, PUBLIC, Around, Level, fate
from migrator.domain.readers import Reader
from migrator.domain.simulate import Assumptions

STRANGERS = (Reader.BROWSER, Reader.BOT, Reader.CLIENT)


def every_surrounding():
    for private, forbidden, downgrade, query, cdn in itertools.product([False, True], repeat=5):
        for cors in (None, False, True):
            for flag in (False, True):
                yield Around(
                    private=private,
                    forbidden=forbidden,
                    downgrade=downgrade,
                    passes_query=query,
                    from_cdn=cdn,
                    cors=cors,
                    assumptions=Assumptions(
                        head_redirects=flag,
                        range_redirects=not flag,
                        subresources_redirect=flag,
                        header_signed_exempt=not flag,
                    ),
                )


@pytest.mark.parametrize("reader", Reader)
def test_every_kind_has_a_sentence_and_who_breaks_has_a_remedy(reader):
    for around in every_surrounding():
        found = fate(reader, around)
        assert found.sees
        assert found.level in (Level.OK, Level.NOTE, Level.WARNING)
        assert found.remedy or found.level is not Level.WARNING


@pytest.mark.parametrize("reader", STRANGERS)
def test_strangers_are_stopped_before_any_rule(reader):
    private, forbidden = fate(reader, Around(private=True)), fate(reader, Around(forbidden=True))
    assert (private.level, private.remedy) == (Level.WARNING, PUBLIC)
    assert "403" in private.sees
    assert (forbidden.level, forbidden.remedy) == (Level.WARNING, CUSTOM_DOMAIN)
    assert "ExternalRedirectForbidden" in forbidden.sees


def test_browsers():
    assert fate(Reader.BROWSER, Around(cors=True)).level is Level.OK
    assert fate(Reader.BROWSER, Around(downgrade=True)).remedy == HTTPS
    closed = fate(Reader.BROWSER, Around(cors=False))
    assert (closed.level, closed.remedy) == (Level.WARNING, CORS)
    assert "Origin: null" in closed.sees


def test_signed_clients():
    assert "x-oss-security-token" in fate(Reader.SIGNED_SDK, Around()).sees
    assert "302" in fate(Reader.SIGNED_SDK, Around(forbidden=True)).sees  # spared
    not_spared = Around(forbidden=True, assumptions=Assumptions(header_signed_exempt=False))
    assert "ExternalRedirectForbidden" in fate(Reader.SIGNED_SDK, not_spared).sees


def test_what_a_probe_found_out_changes_the_answer():
    assert "404" in fate(Reader.HEAD, Around()).sees
    assert fate(Reader.HEAD, Around(assumptions=Assumptions(head_redirects=True))).level is Level.OK
    assert fate(Reader.RANGE, Around()).level is Level.NOTE
    assert fate(Reader.RANGE, Around(assumptions=Assumptions(range_redirects=False))).level is Level.WARNING
    assert "404" in fate(Reader.IMAGE_PROCESSING, Around()).sees
    processed = Around(assumptions=Assumptions(subresources_redirect=True))
    assert "unprocessed" in fate(Reader.IMAGE_PROCESSING, processed).sees


def test_presigned_urls_and_the_query():
    assert "hands the signature" not in fate(Reader.PRESIGNED, Around()).sees
    leaking = fate(Reader.PRESIGNED, Around(passes_query=True))
    assert "hands the signature" in leaking.sees
    assert "pass_query_string: false" in leaking.remedy
    stripped = Around(passes_query=True, assumptions=Assumptions(signature_in_location=False))
    assert "hands the signature" not in fate(Reader.PRESIGNED, stripped).sees


def test_a_cdn_either_follows_or_keeps_the_redirect():
    assert fate(Reader.CDN, Around(from_cdn=True)).level is Level.NOTE
    assert "301" in fate(Reader.CDN, Around()).sees


def test_writers():
    assert "as declared" in fate(Reader.WRITE, Around(writes="origin")).sees
    assert "writes: origin" in fate(Reader.WRITE, Around()).remedy


# -- the page for people -------------------------------------------------------------------------------------------
def test_the_documents_name_every_code_and_every_question():
    root = Path(__file__).parents[2]
    readers, probe = ((root / "docs" / name).read_text(encoding="utf-8") for name in ("readers.md", "probe.md"))
    package = root / "migrator" / "app" / "preflight"
    codes = {code for path in package.glob("*.py") for code in re.findall(r'"([a-z]+\.[a-z0-9-]+)"', path.read_text())}
    codes |= {f"readers.{reader.value}" for reader in Reader}
    assert len(codes) > 30
    assert {code for code in codes if f"`{code}`" not in readers} == set()
    assert {name for name in QUESTIONS if f"`{name}`" not in probe} == set()
