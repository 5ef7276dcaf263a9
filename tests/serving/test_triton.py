"""Triton's own client, unchanged, takes the service for one that it knows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy
import pytest
import torch
import tritonclient.http as triton
from support.served import Classifier, Packages
from support.service import serving
from tritonclient.utils import InferenceServerException

X = numpy.random.default_rng(1).standard_normal((5, 8)).astype("float32")


@pytest.fixture(scope="module")
def client(packages: Packages) -> Iterator[triton.InferenceServerClient]:
    with (
        serving(packages("classifier"), max_batch=8) as running,
        triton.InferenceServerClient(running.address, concurrency=4) as found,
    ):
        yield found


def scores() -> numpy.ndarray:
    with torch.no_grad():
        return Classifier().eval()(torch.from_numpy(X))["scores"].numpy()


def given(binary: bool) -> list[triton.InferInput]:
    found = triton.InferInput("x", list(X.shape), "FP32")
    found.set_data_from_numpy(X, binary_data=binary)
    return [found]


def test_health_and_metadata(client: triton.InferenceServerClient) -> None:
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("classifier") and client.is_model_ready("classifier", "0.1.0")
    assert not client.is_model_ready("none")
    assert client.get_server_metadata()["name"] == "wasm-torch-web"
    metadata = client.get_model_metadata("classifier")
    assert metadata["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 8]}]


@pytest.mark.parametrize("sent", [True, False])
@pytest.mark.parametrize("wanted", [True, False, None])
def test_inference(client: triton.InferenceServerClient, sent: bool, wanted: bool | None) -> None:
    outputs = wanted if wanted is None else [triton.InferRequestedOutput("scores", wanted)]
    answer = client.infer("classifier", given(sent), outputs=outputs, request_id="7")
    assert answer.as_numpy("scores") == pytest.approx(scores(), abs=1e-5)
    assert answer.as_numpy("scores").shape == (5, 4)
    assert answer.get_response()["id"] == "7"
    if wanted is None:
        assert numpy.array_equal(answer.as_numpy("best"), scores().argmax(1))


def test_many_at_once(client: triton.InferenceServerClient) -> None:
    asked = [client.async_infer("classifier", given(True)) for _ in range(32)]
    for one in asked:
        assert one.get_result().as_numpy("scores") == pytest.approx(scores(), abs=1e-5)


def test_errors_are_told(client: triton.InferenceServerClient) -> None:
    wrong = triton.InferInput("x", [1, 7], "FP32")
    wrong.set_data_from_numpy(numpy.zeros((1, 7), "float32"))
    with pytest.raises(InferenceServerException, match=r"shape \[1, 7\]") as caught:
        client.infer("classifier", [wrong])
    assert caught.value.status() == "400"
    with pytest.raises(InferenceServerException, match="no model none"):
        client.infer("none", given(True))
