"""torch's private operators for oneDNN: used where they work, with a fallback where they do not."""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from nmt_cli.errors import ConfigError
from nmt_cli.kernels import device, int8, matmul, onednn
from nmt_cli.kernels.device import Compute, compute_for_search
from nmt_cli.kernels.int8 import Int8Linear
from nmt_cli.kernels.prepack import PackedLinear, linear_for

CPU = torch.device("cpu")
DTYPES = (torch.float32, torch.bfloat16)


@pytest.fixture(autouse=True)
def fresh_probes() -> Iterator[None]:
    """Clears the cached results of the probes before and after each test."""
    probes = (onednn.has_linear, onednn.has_prepack, int8.works, device.computes_bf16)
    for probe in probes:
        probe.cache_clear()
    yield
    for probe in probes:
        probe.cache_clear()


def changed_signature() -> None:
    """An operator of another torch version: calling it with any argument is a TypeError."""


def unsupported(*_: object) -> Tensor:
    raise RuntimeError("mkldnn_reorder_linear_weight: bf16 path needs the cpu support avx512bw, avx512vl and avx512dq")


def wrong_result(rows: Tensor, weight: Tensor, *_: object) -> Tensor:
    return torch.zeros(len(rows), 4, dtype=rows.dtype)


BROKEN: dict[str, Callable[..., object] | None] = {
    "missing": None,
    "changed": changed_signature,
    "unsupported": unsupported,
    "wrong result": wrong_result,
}


def replace_operator(
    monkeypatch: pytest.MonkeyPatch, namespace: str, name: str, replacement: Callable[..., object] | None
) -> None:
    """Replaces one operator of torch.ops, or removes it if there is no replacement."""
    original = getattr(torch.ops, namespace)

    class Namespace:
        def __getattr__(self, requested: str) -> object:
            if requested == name:
                if replacement is None:
                    raise AttributeError(f"'_OpNamespace' object has no attribute '{name}'")
                return replacement
            return getattr(original, requested)

    monkeypatch.setattr(torch.ops, namespace, Namespace())


@pytest.mark.parametrize("dtype", DTYPES)
def test_available_products_equal_torchs(dtype: torch.dtype) -> None:
    rows, weight, bias = (torch.randn(shape).to(dtype) for shape in ((5, 8), (6, 8), (6,)))
    expected = F.linear(rows, weight, bias)
    if onednn.has_linear(dtype):
        torch.testing.assert_close(onednn.linear(rows, weight, bias), expected, rtol=0.02, atol=0.02)
    if onednn.has_prepack(dtype):
        torch.testing.assert_close(onednn.linear(rows, onednn.prepack(weight), bias), expected, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("dtype", DTYPES)
def test_without_a_working_product_torch_multiplies(
    dtype: torch.dtype, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_operator(monkeypatch, "mkldnn", "_linear_pointwise", BROKEN[broken])
    monkeypatch.setattr(matmul, "_is_amd_cpu", lambda: True)
    monkeypatch.setattr(matmul, "MIN_WEIGHTS", 1)
    assert not onednn.has_linear(dtype)
    assert not onednn.has_prepack(dtype)
    assert linear_for(Compute(CPU, dtype)) is None
    rows, weight, bias = (torch.randn(shape).to(dtype) for shape in ((5, 8), (6, 8), (6,)))
    torch.testing.assert_close(matmul.linear_no_grad(rows, weight, bias), F.linear(rows, weight, bias))
    torch.testing.assert_close(matmul.linear_no_grad(rows, weight), rows @ weight.t())
    weight.requires_grad_()
    assert torch.equal(matmul.onednn_linear(rows, weight, bias), F.linear(rows, weight, bias))


@pytest.mark.parametrize("broken", ["missing", "changed", "unsupported"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_without_a_working_reorder_weights_are_not_packed(
    dtype: torch.dtype, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_linear = onednn.has_linear(dtype)
    replace_operator(monkeypatch, "mkldnn", "_reorder_linear_weight", BROKEN[broken])
    assert not onednn.has_prepack(dtype)
    assert linear_for(Compute(CPU, dtype)) is None
    assert onednn.has_linear(dtype) == has_linear
    assert linear_for(Compute(CPU, torch.float32, int8=True)) is Int8Linear


@pytest.mark.parametrize("dtype", DTYPES)
def test_weights_are_packed_only_in_dtypes_that_work(dtype: torch.dtype) -> None:
    linear = linear_for(Compute(CPU, dtype))
    assert linear in ({PackedLinear, None} if onednn.has_prepack(dtype) else {None})


@pytest.mark.parametrize("operator", ["linear_prepack", "linear_dynamic"])
@pytest.mark.parametrize("broken", ["missing", "changed", "unsupported"])
def test_int8_without_working_operators_is_rejected(
    broken: str, operator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_operator(monkeypatch, "quantized", operator, BROKEN[broken])
    with pytest.raises(ConfigError, match="precision int8: this PyTorch cannot multiply 8-bit numbers"):
        compute_for_search("cpu", "int8", 0)


def test_int8_without_a_quantized_engine_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(torch.backends.quantized), "supported_engines", ["none"])
    with pytest.raises(ConfigError, match="cannot multiply 8-bit numbers"):
        compute_for_search("cpu", "int8", 0)


def test_int8_without_quantization_in_torch_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch, "quantize_per_channel")
    with pytest.raises(ConfigError, match="cannot multiply 8-bit numbers"):
        compute_for_search("cpu", "int8", 0)
