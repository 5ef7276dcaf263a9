"""The Open Inference Protocol: what it promises, values as PyTorch's, and what it refuses."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from typing import Any

import numpy
import pytest
import torch
from jsonschema import Draft202012Validator
from starlette.routing import Route
from support.served import DTYPES, Classifier, Kinds, Packages, kinds
from support.service import Client, serving, tensor

from wasm_torch_web.engine.records import NUMPY
from wasm_torch_web.serving.api import openapi
from wasm_torch_web.serving.api.models import DATATYPES
from wasm_torch_web.serving.api.routes import JSON_BYTES

X = numpy.random.default_rng(0).standard_normal((3, 8)).astype("float32")
INFER = "/v2/models/classifier/infer"


@pytest.fixture(scope="module")
def client(packages: Packages) -> Iterator[Client]:
    names = ("classifier", "kinds", "root", "counter", "numbers")
    with serving(*map(packages, names), max_body=1 << 20) as running:
        yield running


def expected(x: Any = X) -> numpy.ndarray[Any, Any]:
    with torch.no_grad():
        scores: numpy.ndarray[Any, Any] = Classifier().eval()(torch.tensor(x))["scores"].numpy()
    return scores


def test_what_it_says_of_itself(client: Client) -> None:
    assert client.ask("/v2").json["extensions"] == ["binary_tensor_data"]
    assert client.ask("/v2/health/live").status == 200
    assert client.ask("/v2/health/ready").json == {"ready": True}
    for path in ("/v2/models/classifier", "/v2/models/classifier/versions/0.1.0"):
        assert client.ask(f"{path}/ready").status == 200
        assert client.ask(path).json == {
            "name": "classifier",
            "versions": ["0.1.0"],
            "platform": "wasm-torch-web",
            "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 8]}],
            "outputs": [
                {"name": "scores", "datatype": "FP32", "shape": [-1, 4]},
                {"name": "best", "datatype": "INT64", "shape": [-1]},
            ],
        }


def test_json_in_and_out(client: Client) -> None:
    answer = client.infer("classifier", tensor("x", X), id="a \ud800")
    assert (answer.status, answer.json["id"]) == (200, "a \ud800")
    scores, best = answer.json["outputs"]
    assert (scores["shape"], best["shape"]) == ([3, 4], [3])
    assert scores["data"] == pytest.approx(expected().reshape(-1), abs=1e-5)
    assert best["data"] == expected().argmax(1).tolist()
    nested = {"name": "x", "datatype": "FP32", "shape": [3, 8], "data": X.tolist()}
    again = client.infer("classifier", nested, outputs=[{"name": "best"}])
    assert [one["name"] for one in again.json["outputs"]] == ["best"]
    assert again.json["outputs"] == [best]


def binary(array: Any, head: dict[str, Any] | None = None, **entry: Any) -> tuple[bytes, str]:
    """A request of JSON and bytes, and what its header says."""
    content = array.tobytes()
    shaped = {"name": "x", "datatype": "FP32", "shape": list(array.shape)}
    parameters = {"binary_data_size": len(content)}
    text = json.dumps({"inputs": [{**shaped, "parameters": parameters, **entry}], **(head or {})})
    return text.encode() + content, str(len(text))


def test_bytes_in_and_out(client: Client) -> None:
    wanted = [{"name": "scores", "parameters": {"binary_data": True}}, {"name": "best"}]
    body, length = binary(X, {"outputs": wanted})
    answer = client.ask(INFER, body, **{JSON_BYTES: length})
    scores, best = answer.json["outputs"]
    content = answer.content[int(answer.headers[JSON_BYTES.lower()]) :]
    assert scores["parameters"] == {"binary_data_size": len(content)}
    found = numpy.frombuffer(content, "float32").reshape(scores["shape"])
    assert found == pytest.approx(expected(), abs=1e-5)
    assert best["data"] == expected().argmax(1).tolist()


@pytest.mark.parametrize("as_bytes", [True, False])
def test_every_datatype(client: Client, as_bytes: bool) -> None:
    model = client.service.catalogue.find("kinds")
    values = kinds()
    blocks = [content(value) for value in values]
    inputs: list[dict[str, Any]] = []
    for port, value, block in zip(model.inputs, values, blocks, strict=True):
        shape = list(torch.view_as_real(value).shape if value.is_complex() else value.shape)
        entry = {"name": port.name, "datatype": port.datatype, "shape": shape}
        numbers = torch.view_as_real(value) if value.is_complex() else value
        if as_bytes:
            entry["parameters"] = {"binary_data_size": len(block)}
        else:
            entry["data"] = numbers.reshape(-1).tolist()
        inputs.append(entry)
    head = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}}).encode()
    body = head + (b"".join(blocks) if as_bytes else b"")
    answer = client.ask("/v2/models/kinds/infer", body, **{JSON_BYTES: str(len(head))})
    assert answer.status == 200, answer.content
    rest = answer.content[int(answer.headers[JSON_BYTES.lower()]) :]
    for entry, value in zip(answer.json["outputs"], Kinds()(kinds()), strict=True):
        block, rest = (
            rest[: entry["parameters"]["binary_data_size"]],
            rest[entry["parameters"]["binary_data_size"] :],
        )
        assert block == content(value), entry
    assert rest == b""


def test_numbers_are_tensors_of_one_element(client: Client) -> None:
    model = client.ask("/v2/models/numbers").json
    assert model["inputs"][1] == {"name": "shift", "datatype": "INT64", "shape": [1]}
    shift = tensor("shift", [-3], "INT64")
    answer = client.infer("numbers", tensor("x", [[1, 2], [3, 4]]), shift)
    y, size, total = answer.json["outputs"]
    assert (y["shape"], y["data"]) == ([2, 2], [-2, -1, 0, 1])
    assert (size["datatype"], size["shape"], size["data"]) == ("INT64", [1], [2])
    assert (total["shape"], total["data"]) == ([], [10])
    wrong = client.infer("numbers", tensor("x", [[1, 2]]), {**shift, "shape": [2], "data": [1, 2]})
    assert (wrong.status, wrong.code) == (400, "WTW504")


def content(value: torch.Tensor) -> bytes:
    """Its dense elements."""
    if value.dtype == torch.bfloat16:
        value = value.view(torch.uint16)
    return value.contiguous().numpy().tobytes()


def test_datatypes_are_those_of_the_engine() -> None:
    assert set(DATATYPES) == set(NUMPY)
    assert {str(dtype).removeprefix("torch.") for dtype in DTYPES} <= set(DATATYPES)


def test_what_json_has_no_numbers_for(client: Client) -> None:
    x = {"name": "x", "datatype": "FP32", "shape": [1, 3], "data": [-1, "inf", 4]}
    assert client.infer("root", x).json["outputs"][0]["data"] == ["nan", "inf", 2.0]
    assert client.infer("root", {**x, "data": [float("nan"), 1, 4]}).status == 200
    assert client.infer("root", {**x, "data": ["nine", 1, 4]}).code == "WTW701"


def test_each_request_begins_with_the_models_own_state(client: Client) -> None:
    x = tensor("x", numpy.zeros((1, 3)))
    for _ in range(3):
        assert client.infer("counter", x).json["outputs"][0]["data"] == [1, 1, 1]


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "dtype": (tensor("x", X, "FP64"), "WTW503"),
    "no dtype": ({"name": "x", "shape": [1, 8], "data": [0] * 8}, "WTW503"),
    "a dtype that is none": ({**tensor("x", X), "datatype": {"a": 1}}, "WTW503"),
    "rank": (tensor("x", X[0]), "WTW504"),
    "a fixed size": (tensor("x", X[:, :7]), "WTW504"),
    "too many rows": (tensor("x", numpy.zeros((65, 8))), "WTW506"),
    "no rows": ({**tensor("x", X), "shape": [0, 8], "data": []}, "WTW506"),
    "too few numbers": ({**tensor("x", X), "data": [1.0]}, "WTW505"),
    "a size below 0": ({**tensor("x", X), "shape": [-3, 8]}, "WTW701"),
    "a size that is none": ({**tensor("x", X), "shape": [True, 8]}, "WTW701"),
    "a size of 10^30": ({**tensor("x", X), "shape": [10**30, 8]}, "WTW701"),
    "a size of 10^12": ({**tensor("x", X), "shape": [10**12, 8]}, "WTW506"),
    "a thousand axes": ({**tensor("x", X), "shape": [1] * 1000}, "WTW701"),
    "no shape": ({"name": "x", "datatype": "FP32", "data": [1]}, "WTW701"),
    "no data": ({"name": "x", "datatype": "FP32", "shape": [1, 8]}, "WTW701"),
    "texts": ({**tensor("x", X), "data": ["a"] * 24}, "WTW701"),
    "nulls": ({**tensor("x", X), "data": [None] * 24}, "WTW701"),
    "numbers beyond floats": ({**tensor("x", X), "data": [10**400] * 24}, "WTW503"),
    "lists beside numbers": ({**tensor("x", X), "data": [1, [2]] * 12}, "WTW701"),
    "an unknown input": (tensor("y", X), "WTW502"),
    "an input with half a letter": (tensor("\ud800", X), "WTW502"),
    "no name": ({"datatype": "FP32"}, "WTW701"),
    "shared memory": (
        {
            "name": "x",
            "datatype": "FP32",
            "shape": [1, 8],
            "parameters": {"shared_memory_region": "a"},
        },
        "WTW701",
    ),
    "bytes that are not there": (
        {"name": "x", "datatype": "FP32", "shape": [1, 8], "parameters": {"binary_data_size": 32}},
        "WTW701",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_inputs_that_do_not_fit(client: Client, name: str) -> None:
    entry, code = WRONG[name]
    answer = client.infer("classifier", entry)
    assert (answer.status, answer.code) == (400, code), answer.json
    assert len(answer.content) < 2000


BODIES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "WTW701"),
    "no JSON": (b"{", "WTW701"),
    "no UTF-8": (b'{"inputs": "\xff\xfe"}', "WTW701"),
    "a list": (b"[]", "WTW701"),
    "no inputs": (b"{}", "WTW501"),
    "inputs that are none": (b'{"inputs": 3}', "WTW701"),
    "entries that are none": (b'{"inputs": [3]}', "WTW701"),
    "depth": (b'{"inputs": ' + b"[" * 100_000, "WTW701"),
    "deep objects": (b'{"inputs": ' + b'{"a":' * 100_000, "WTW701"),
    "digits": (b'{"inputs": ' + b"9" * 100_000 + b"}", "WTW701"),
}


@pytest.mark.parametrize("name", BODIES)
def test_bodies_that_are_no_requests(client: Client, name: str) -> None:
    body, code = BODIES[name]
    answer = client.ask(INFER, body, method="POST")
    assert (answer.status, answer.code) == (400, code)
    assert len(answer.content) < 2000


def test_a_deep_list_of_data(client: Client) -> None:
    text = json.dumps({"inputs": [tensor("x", X)]})
    text = re.sub(r'"data": \[.*\]\}', '"data": ' + "[" * 500 + "1" + "]" * 500 + "}", text)
    assert client.ask(INFER, text.encode()).code == "WTW701"


@pytest.mark.parametrize("said", ["-1", "1e3", "99999999", "9" * 30, "٣", "0x10"])
def test_lengths_that_do_not_fit(client: Client, said: str) -> None:
    body, _ = binary(X)
    connection = http.client.HTTPConnection(client.address, timeout=60)
    connection.request("POST", INFER, body, {JSON_BYTES: said.encode()})
    response = connection.getresponse()
    assert (response.status, json.loads(response.read())["code"]) == (400, "WTW701")
    connection.close()


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({"parameters": {"binary_data_size": 1 << 60}}, "WTW701"),
        ({"parameters": {"binary_data_size": -1}}, "WTW701"),
        ({"parameters": {"binary_data_size": 1.5}}, "WTW701"),
        ({"parameters": {"binary_data_size": 92}}, "WTW505"),
        ({"parameters": {"binary_data_size": 95}}, "WTW505"),
        ({"parameters": []}, "WTW701"),
        ({"shape": [10**6, 10**6]}, "WTW504"),
        ({"shape": [4, 8]}, "WTW505"),
        ({"data": [1]}, "WTW701"),
    ],
)
def test_bytes_that_do_not_fit(client: Client, entry: dict[str, Any], code: str) -> None:
    body, length = binary(X, **entry)
    answer = client.ask(INFER, body, **{JSON_BYTES: length})
    assert (answer.status, answer.code) == (400, code)


def test_bytes_that_belong_to_no_input(client: Client) -> None:
    body, length = binary(X)
    assert client.ask(INFER, body + b"more", **{JSON_BYTES: length}).code == "WTW701"


def test_an_input_that_is_given_twice(client: Client) -> None:
    assert client.infer("classifier", tensor("x", X), tensor("x", X)).code == "WTW701"


def test_booleans_are_0_and_1(client: Client) -> None:
    port = next(p for p in client.service.catalogue.find("kinds").inputs if p.datatype == "BOOL")
    entry = {"name": port.name, "datatype": "BOOL", "shape": [2, 3]}
    head = json.dumps({"inputs": [{**entry, "parameters": {"binary_data_size": 6}}]}).encode()
    path, length = "/v2/models/kinds/infer", str(len(head))
    assert client.ask(path, head + b"\x02" * 6, **{JSON_BYTES: length}).code == "WTW503"
    assert client.ask(path, head + b"\x01" * 6, **{JSON_BYTES: length}).code == "WTW501"


@pytest.mark.parametrize(
    "outputs", [[{"name": "none"}], [{"name": "\ud800"}], [{"name": "x" * 10_000}]]
)
def test_outputs_that_are_not_there(client: Client, outputs: list[dict[str, Any]]) -> None:
    answer = client.infer("classifier", tensor("x", X), outputs=outputs)
    assert (answer.status, answer.code) == (400, "WTW703")  # output-unknown
    assert len(answer.content) < 2000


@pytest.mark.parametrize("name", ["none", "..", "%2e%2e", "classifier%00", "a" * 5000, "%ed%a0%80"])
def test_models_that_are_not_there(client: Client, name: str) -> None:
    for path in (f"/v2/models/{name}", f"/v2/models/{name}/ready", f"/v2/models/{name}/infer"):
        answer = client.ask(path, b"{}" if path.endswith("infer") else None)
        assert answer.status == 404
        assert len(answer.content) < 2000


@pytest.mark.parametrize(
    "path", ["/v2/models/classifier/versions/2/infer", "/v2/models/classifier/versions/../infer"]
)
def test_versions_that_are_not_there(client: Client, path: str) -> None:
    assert client.ask(path, {"inputs": []}).status == 404


@pytest.mark.parametrize(
    "path",
    ["/v2/models/../../model.json", "/v2/models/..%2f..%2fmodel.json", "/v2/models//etc/passwd"],
)
def test_nothing_else_is_to_be_had(client: Client, path: str) -> None:
    assert client.ask(path).status == 404


def test_methods(client: Client) -> None:
    assert client.ask(INFER).status == 405
    assert client.ask("/v2", b"{}").status == 405


def test_foreign_hosts_are_refused(client: Client, packages: Packages) -> None:
    assert client.ask("/v2", host="evil.example").status == 421
    with serving(packages("root"), hosts=frozenset({"models"}), ready=False) as other:
        assert other.ask("/v2", host="models:8000").status == 200
        assert other.ask("/v2", host="evil.example").status == 421


def test_pages_of_strangers_are_refused(client: Client) -> None:
    """A browser would send what they say, and hide only the answer from them."""
    body = {"inputs": [tensor("x", X)]}
    for origin in (f"http://{client.address}", "http://localhost:3000", "http://[::1]:80"):
        assert client.ask(INFER, body, origin=origin).status == 200, origin
    for origin in ("https://evil.example", "null", "http://127.0.0.1.evil.example", ""):
        assert client.ask(INFER, body, origin=origin).status == 403, origin
    assert client.ask("/v2", origin="https://evil.example").status == 200


def test_a_large_body_is_not_read(client: Client) -> None:
    answer = client.ask(INFER, bytes((1 << 20) + 1))
    assert (answer.status, answer.code) == (413, "WTW704")  # body-too-large
    connection = http.client.HTTPConnection(client.address, timeout=60)
    connection.putrequest("POST", INFER)
    connection.putheader("Content-Length", str(10**15))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_a_large_body_in_chunks_is_not_read_to_its_end(client: Client) -> None:
    connection = http.client.HTTPConnection(client.address, timeout=60)
    chunks = (bytes(1 << 16) for _ in range(17))
    connection.request("POST", INFER, chunks, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()


def test_encoded_bodies_are_refused(client: Client) -> None:
    answer = client.ask(INFER, b"x", content_encoding="gzip")
    assert (answer.status, answer.code) == (415, "WTW706")  # body-encoded


def test_the_description_has_the_very_routes(client: Client) -> None:
    routes = client.service.application().routes
    assert {route.path for route in routes if isinstance(route, Route)} == set(
        openapi.document()["paths"]
    )


def test_answers_are_as_described(client: Client) -> None:
    described = client.ask("/openapi.json").json

    def check(schema: str, document: Any) -> None:
        whole = {
            **described["components"]["schemas"][schema],
            "components": described["components"],
        }
        Draft202012Validator.check_schema(whole)
        Draft202012Validator(whole).validate(document)

    request = {"inputs": [tensor("x", X)]}
    check("Request", request)
    check("Answer", client.ask(INFER, request).json)
    check("Error", client.ask(INFER, {}).json)
    check("Server", client.ask("/v2").json)
    check("Live", client.ask("/v2/health/live").json)
    check("Ready", client.ask("/v2/models/root/ready").json)
    check("Model", client.ask("/v2/models/root").json)
