"""The description of the service for clients: OpenAPI 3.1."""

from __future__ import annotations

from typing import Any

from wasm_torch_web import __version__
from wasm_torch_web.serving.api.models import BYTES
from wasm_torch_web.serving.api.settings import MAX_JSON_BYTES

Node = dict[str, Any]
TEXT: Node = {"type": "string"}
FLAG: Node = {"type": "boolean"}
SIZE: Node = {"type": "integer", "minimum": 0}
PARAMETERS: Node = {"type": "object"}


def document() -> Node:
    """All of it."""
    paths = {
        "/v2": _get("The server", "Server"),
        "/v2/health/live": _get("Whether it answers", "Live"),
        "/v2/health/ready": _get("Whether a worker takes requests", "Ready", "503"),
        "/openapi.json": {"get": {"summary": "This document", "responses": {"200": _said("JSON")}}},
    }
    for base, words in _models():
        paths[base] = words | _get("Inputs and outputs of a model", "Model", "404")
        paths[f"{base}/ready"] = words | _get("Whether it takes requests", "Ready", "404", "503")
        paths[f"{base}/infer"] = words | {"post": _infer()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "wasm-torch-web", "version": __version__},
        "paths": paths,
        "components": {"schemas": SCHEMAS},
    }


def _models() -> list[tuple[str, Node]]:
    base = "/v2/models/{name}"
    named = {"parameters": [_word("name")]}
    versioned = {"parameters": [_word("name"), _word("version")]}
    return [(base, named), (f"{base}/versions/{{version}}", versioned)]


def _word(name: str) -> Node:
    return {"name": name, "in": "path", "required": True, "schema": TEXT}


def _get(summary: str, schema: str, *errors: str) -> Node:
    return {"get": {"summary": summary, "responses": {"200": _json(schema), **_errors(*errors)}}}


def _json(schema: str) -> Node:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {**_said(schema), "content": content}


def _said(text: str) -> Node:
    return {"description": text}


def _errors(*statuses: str) -> Node:
    return {status: _json("Ready" if status == "503" else "Error") for status in statuses}


def _infer() -> Node:
    binary = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    header = {
        "name": "Inference-Header-Content-Length",
        "in": "header",
        "description": "Bytes of JSON where those of tensors follow.",
        "schema": SIZE,
    }
    statuses = ("400", "404", "408", "413", "415", "429", "500", "503", "504")
    errors = {status: _json("Error") for status in statuses}
    for status in ("429", "503"):
        errors[status]["headers"] = {"Retry-After": {"schema": SIZE, **_said("Seconds")}}
    request, answer = _json("Request"), _json("Answer")
    return {
        "summary": f"Run a model; at most {MAX_JSON_BYTES} bytes of JSON",
        "parameters": [header],
        "requestBody": {"required": True, "content": request["content"] | binary},
        "responses": {"200": answer | {"content": answer["content"] | binary}, **errors},
    }


def _object(required: str, **properties: Node) -> Node:
    return {"type": "object", "required": required.split(), "properties": properties}


def _list(items: Node) -> Node:
    return {"type": "array", "items": items}


_DATATYPE: Node = {"enum": list(BYTES)}
_PORT = _object(
    "name datatype shape", name=TEXT, datatype=_DATATYPE, shape=_list({"type": "integer"})
)
_DATA: Node = {**_list({}), "description": "Flat or nested; NaN and infinity: nan, inf, -inf."}
_TENSOR = _object(
    "name datatype shape",
    name=TEXT,
    datatype=_DATATYPE,
    shape=_list(SIZE),
    parameters=PARAMETERS,
    data=_DATA,
)
_WANTED = _object("name", name=TEXT, parameters=PARAMETERS)

SCHEMAS: Node = {
    "Server": _object("name version extensions", name=TEXT, version=TEXT, extensions=_list(TEXT)),
    "Live": _object("live", live=FLAG),
    "Ready": _object("ready", ready=FLAG, name=TEXT),
    "Model": _object(
        "name versions platform inputs outputs",
        name=TEXT,
        versions=_list(TEXT),
        platform=TEXT,
        inputs=_list(_PORT),
        outputs=_list(_PORT),
    ),
    "Request": _object(
        "inputs",
        id=TEXT,
        parameters=PARAMETERS,
        inputs=_list(_TENSOR),
        outputs=_list(_WANTED),
    ),
    "Answer": _object(
        "model_name model_version outputs",
        model_name=TEXT,
        model_version=TEXT,
        id=TEXT,
        outputs=_list(_TENSOR),
    ),
    "Error": _object("error", error=TEXT, code=TEXT),
}
