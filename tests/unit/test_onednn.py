"""Torch's private operators for oneDNN: used where they work, and done without wherever they do not."""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from nmt_cli.kernels import device, int8, matmul, onednn
from nmt_cli.kernels.device import Compute, compute_for_search
from nmt_cli.kernels.int8 import Int8Linear
from nmt_cli.kernels.prepack import PackedLinear, linear_for

CPU = torch.device("cpu")
DTYPES = (torch.float32, torch.bfloat16)


@pytest.fixture(autouse=True)
def tried_anew() -> Iterator[None]:
    """What was tried before, or is tried here, counts for this test alone."""
    probes = (onednn.has_linear, onednn.has_prepack, int8.works, device.computes_bf16)
    for probe in probes:
        probe.cache_clear()
    yield
    for probe in probes:
        probe.cache_clear()


def changed_signature() -> None:
    """As of a version that takes other arguments: calling it with any is a TypeError."""


def refuses(*_: object) -> Tensor:
    raise RuntimeError("mkldnn_reorder_linear_weight: bf16 path needs the cpu support avx512bw, avx512vl and avx512dq")


def miscomputes(rows: Tensor, weight: Tensor, *_: object) -> Tensor:
    return torch.zeros(len(rows), 4, dtype=rows.dtype)


BROKEN: dict[str, Callable[..., object] | None] = {
    "missing": None,
    "changed": changed_signature,
    "refuses": refuses,
    "miscomputes": miscomputes,
}


def replace(monkeypatch: pytest.MonkeyPatch, library: object, name: str, by: Callable[..., object] | None) -> None:
    """Put a stand-in for one of torch's operators; without one, torch has none of that name."""

    class Without:
        def __getattr__(self, asked: str) -> object:
            if asked == name:
                if by is None:
                    raise AttributeError(f"'_OpNamespace' object has no attribute '{name}'")
                return by
            return getattr(library, asked)

    namespace = "mkldnn" if library is torch.ops.mkldnn else "quantized"
    monkeypatch.setattr(torch.ops, namespace, Without())


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_offered_works(dtype: torch.dtype) -> None:
    rows, weight, bias = (torch.randn(shape).to(dtype) for shape in ((5, 8), (6, 8), (6,)))
    expected = F.linear(rows, weight, bias)
    if onednn.has_linear(dtype):
        torch.testing.assert_close(onednn.linear(rows, weight, bias), expected, rtol=0.02, atol=0.02)
    if onednn.has_prepack(dtype):
        torch.testing.assert_close(onednn.linear(rows, onednn.prepack(weight), bias), expected, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_product_that_does_not_work_is_done_without(
    dtype: torch.dtype, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace(monkeypatch, torch.ops.mkldnn, "_linear_pointwise", BROKEN[broken])
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


@pytest.mark.parametrize("broken", ["missing", "changed", "refuses"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_weights_that_cannot_be_laid_out_stay_as_they_are(
    dtype: torch.dtype, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_linear = onednn.has_linear(dtype)
    replace(monkeypatch, torch.ops.mkldnn, "_reorder_linear_weight", BROKEN[broken])
    assert not onednn.has_prepack(dtype)
    assert linear_for(Compute(CPU, dtype)) is None
    assert onednn.has_linear(dtype) == has_linear
    assert linear_for(Compute(CPU, torch.float32, int8=True)) is Int8Linear


@pytest.mark.parametrize("dtype", DTYPES)
def test_weights_are_laid_out_only_in_a_type_that_works(dtype: torch.dtype) -> None:
    linear = linear_for(Compute(CPU, dtype))
    assert linear in ({PackedLinear, None} if onednn.has_prepack(dtype) else {None})


@pytest.mark.parametrize("operator", ["linear_prepack", "linear_dynamic"])
@pytest.mark.parametrize("broken", ["missing", "changed", "refuses"])
def test_eight_bits_that_do_not_work_are_refused_in_one_line(
    broken: str, operator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace(monkeypatch, torch.ops.quantized, operator, BROKEN[broken])
    with pytest.raises(device.ConfigError, match="--precision int8: this PyTorch cannot multiply 8-bit numbers"):
        compute_for_search("cpu", "int8", 0)


def test_a_build_without_an_engine_for_eight_bits_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(torch.backends.quantized), "supported_engines", ["none"])
    with pytest.raises(device.ConfigError, match="cannot multiply 8-bit numbers"):
        compute_for_search("cpu", "int8", 0)


def test_a_torch_that_cannot_quantise_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch, "quantize_per_channel")
    with pytest.raises(device.ConfigError, match="cannot multiply 8-bit numbers"):
        compute_for_search("cpu", "int8", 0)
