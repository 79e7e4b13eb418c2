"""What nobody knows of OSS is a switch of the sandbox, and each switch is seen over HTTP in both positions."""

from __future__ import annotations

import oss2
import pytest
from sandbox_rig import bucket, raw, rules, to_origin

from migrator.sandbox.oss.config import OssConfig
from migrator.sandbox.oss.run import start_oss

CORS = (
    "<CORSConfiguration><CORSRule><AllowedOrigin>https://app.example</AllowedOrigin>"
    "<AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>"
)
ERROR_PAGE = "<ErrorDocument><Key>error.html</Key></ErrorDocument>"


@pytest.fixture(scope="module")
def oss():
    with start_oss(OssConfig(cnames={"img.example.com": "with-domain"})) as running:
        yield running


def flipped(oss, request, **switches):
    oss.switch(**switches)
    request.addfinalizer(lambda: oss.switch(**{name: not value for name, value in switches.items()}))


@pytest.mark.parametrize(("answered", "status"), [(True, 302), (False, 404)])
def test_a_range_of_a_missing_object(oss, request, answered, status):
    if not answered:
        flipped(oss, request, range_redirects=False)
    made = bucket(oss, "public-read")
    made.put_bucket_website(rules(to_origin("a/")))
    assert raw(oss, "GET", f"/{made.bucket_name}/a/x", headers={"range": "bytes=0-1"}).status == status
    assert raw(oss, "GET", f"/{made.bucket_name}/a/x").status == 302


@pytest.mark.parametrize(("first", "status"), [(False, 302), (True, 404)])
def test_the_error_page_and_a_rule(oss, request, first, status):
    if first:
        flipped(oss, request, error_page_first=True)
    made = bucket(oss, "public-read")
    made.put_bucket_website(rules(ERROR_PAGE, to_origin("a/")))
    made.put_object("error.html", b"sorry")
    answer = raw(oss, "GET", f"/{made.bucket_name}/a/x")
    assert (answer.status, answer.body) == (status, b"sorry" if first else b"")


@pytest.mark.parametrize("carried", [False, True])
@pytest.mark.parametrize("origin", ["https://app.example", "https://other.example"])
def test_cors_headers_on_a_redirect(oss, request, carried, origin):
    if carried:
        flipped(oss, request, cors_on_redirect=True)
    made = bucket(oss, "public-read")
    made.put_bucket_website(rules(to_origin("a/")))
    made._do("PUT", made.bucket_name, "", data=CORS, params={"cors": ""})
    answer = raw(oss, "GET", f"/{made.bucket_name}/a/x", headers={"origin": origin})
    expected = origin if carried and origin == "https://app.example" else None
    assert answer.headers.get("access-control-allow-origin") == expected


@pytest.mark.parametrize("kept", [True, False])
def test_elements_that_the_service_does_not_know(oss, request, kept):
    if not kept:
        flipped(oss, request, unknown_elements_kept=False)
    made = bucket(oss)
    document = rules(to_origin("a/")).replace(b"</Redirect>", b"<FromTheFuture>1</FromTheFuture></Redirect>")
    made.put_bucket_website(document)
    stored = made._do("GET", made.bucket_name, "", params={"website": ""}).read()
    assert (b"<FromTheFuture>1</FromTheFuture>" in stored) is kept
    assert b"<KeyPrefixEquals>a/</KeyPrefixEquals>" in stored


@pytest.mark.parametrize(("answered", "status"), [(False, 404), (True, 302)])
def test_image_processing_of_a_missing_object(oss, request, answered, status):
    if answered:
        flipped(oss, request, subresources_redirect=True)
    made = bucket(oss, "public-read")
    made.put_bucket_website(rules(to_origin("a/")))
    made.put_object("a/there", b"x")
    assert raw(oss, "GET", f"/{made.bucket_name}/a/x?x-oss-process=image/info").status == status
    assert raw(oss, "GET", f"/{made.bucket_name}/a/there?x-oss-process=image/info").status == 501


def test_bound_domains_are_listed_for_the_owner(oss):
    with_domain, without = bucket(oss, "public-read", name="with-domain"), bucket(oss)
    assert [each.domain for each in with_domain.list_bucket_cname().cname] == ["img.example.com"]
    assert without.list_bucket_cname().cname == []
    assert raw(oss, "GET", "/with-domain/?cname").status == 403
    assert isinstance(with_domain, oss2.Bucket)
