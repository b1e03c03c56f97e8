"""Calls that reach no product, whatever the role."""

import pytest

from tests.node.gate.products import gated, status_of
from tests.node.processing.stand_ins import on_a_loop


@pytest.mark.parametrize(
    "header",
    [
        "X-HTTP-Method-Override",
        "X-HTTP-Method",
        "X-Method-Override",
        "X-Original-URL",
        "X-Original-Uri",
        "X-Rewrite-URL",
        "X-Forwarded-Uri",
        "X-Forwarded-Prefix",
        "X_HTTP_METHOD_OVERRIDE",
        "X_Original-URL",
        "x-original_url",
        "X.HTTP.Method.Override",
        "X_Forwarded_For",
        "Content_Length",
        "anything_else",
    ],
)
@on_a_loop
async def test_headers_that_make_another_call_of_it_are_refused(header):
    async with gated() as node:
        response = await node.client.get("/admin", headers={header: "POST"})
        assert response.status_code == 400
        assert header.lower() in response.json()["err"]
        assert not node.product.calls


@on_a_loop
async def test_the_one_header_of_the_core_with_an_underscore_passes():
    async with gated() as node:
        response = await node.client.post("/file", content=b"x", headers={"user_agent": "mine"})
        assert ["user_agent", "mine"] in response.json()["headers"]


@pytest.mark.parametrize(
    "path",
    [
        "/admin/license",
        "/admin/license/",
        "/admin/license/foo/bar",
        "/admin/%6cicense/foo",
        "/Admin/License/backup",
        "/%EF%BD%81dmin/license/backup",  # a full width letter
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
@on_a_loop
async def test_license_calls_that_nothing_answers_are_not_the_products(method, path):
    async with gated() as node:
        response = await node.client.request(method, path)
        assert response.status_code == 404
        assert "not passed on" in response.json()["err"]
        assert not node.product.calls


@pytest.mark.parametrize("path", ["/admin/licenses", "/admin", "/x/admin/license", "/license"])
@on_a_loop
async def test_paths_that_only_resemble_license_calls_pass(path):
    async with gated() as node:
        assert (await node.client.get(path)).status_code == 200
        assert node.product.calls == [f"GET {path}"]


@on_a_loop
async def test_a_length_of_thousands_of_digits_is_refused():
    request = b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: %b1\r\n\r\nx" % (b"0" * 5000)
    async with gated() as node, node.raw(request) as (reader, _):
        assert await status_of(reader) == 400
        assert not node.product.calls
