"""oneDNN products: the same outputs and gradients as torch's own."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from nmt_cli.kernels import device, matmul, onednn
from nmt_cli.kernels.matmul import MIN_WEIGHTS, linear_no_grad, onednn_linear

needs_onednn = pytest.mark.skipif(
    not onednn.has_linear(torch.float32), reason="this build of torch has no oneDNN product"
)


@pytest.fixture
def onednn_shapes(monkeypatch: pytest.MonkeyPatch) -> list[torch.Size]:
    """Acts as on an AMD CPU; lists the shapes of the inputs that oneDNN multiplies."""
    monkeypatch.setattr(matmul, "_is_amd_cpu", lambda: True)
    monkeypatch.setattr(matmul, "MIN_WEIGHTS", 1)
    shapes: list[torch.Size] = []

    def record(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        shapes.append(rows.shape)
        return linear_no_grad(rows, weight, bias)

    monkeypatch.setattr(matmul, "linear_no_grad", record)
    return shapes


ROWS: dict[str, Callable[[], Tensor]] = {
    "contiguous": lambda: torch.randn(40, 24),
    "slice of columns": lambda: torch.randn(40, 72).chunk(3, -1)[1],
    "transposed": lambda: torch.randn(24, 40).t(),
    "one row expanded": lambda: torch.randn(1, 24).expand(40, 24),
    "one row": lambda: torch.randn(1, 24),
}


def assert_near(result: Tensor, exact: Tensor) -> None:
    """Equal up to float32 rounding, relative to the norm of the whole tensor."""
    assert (result.double() - exact).norm() <= 1e-5 * exact.norm()


@needs_onednn
@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("bias", [True, False])
def test_outputs_and_gradients_equal_the_float64_equation(
    name: str, bias: bool, onednn_shapes: list[torch.Size]
) -> None:
    """The reference is float64: in float32 two libraries round differently, and a sum near zero may be all rounding."""
    torch.manual_seed(0)
    rows = ROWS[name]().detach().requires_grad_()
    parameters = [torch.randn(32, 24, requires_grad=True), *([torch.randn(32, requires_grad=True)] if bias else [])]
    offset = parameters[1] if bias else None
    exact = [tensor.detach().double().requires_grad_() for tensor in (rows, *parameters)]
    expected = F.linear(exact[0], exact[1], exact[2] if bias else None)
    outputs = onednn_linear(rows, parameters[0], offset)
    assert_near(outputs, expected)
    losses: list[Callable[[Tensor], Tensor]] = [
        lambda y: y.sum(),
        lambda y: (y**2)[:, ::2].sum(),
        lambda y: y.sin().sum(),
    ]
    for loss in losses:
        gradients = (
            torch.autograd.grad(loss(y), inputs, retain_graph=True)
            for y, inputs in ((outputs, [rows, *parameters]), (expected, exact))
        )
        for gradient, exact_gradient in zip(*gradients, strict=True):
            assert_near(gradient, exact_gradient)
    assert len(onednn_shapes) == 4  # one forward pass, three backward passes


@needs_onednn
def test_gradients_that_are_not_required_are_not_computed(onednn_shapes: list[torch.Size]) -> None:
    rows, weight = torch.randn(5, 8), torch.randn(6, 8, requires_grad=True)
    torch.autograd.backward(onednn_linear(rows, weight, None).sum())
    assert weight.grad is not None
    assert onednn_shapes == [(5, 8)]


@needs_onednn
def test_onednn_is_used_only_for_large_float32_layers_in_training(
    onednn_shapes: list[torch.Size], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, weight = torch.randn(5, 8), torch.randn(6, 8, requires_grad=True)
    with torch.no_grad():
        onednn_linear(rows, weight, None)
    with torch.autocast("cpu", torch.bfloat16):
        onednn_linear(rows, weight, None)
    onednn_linear(rows.double(), weight.double(), None)
    monkeypatch.setattr(matmul, "MIN_WEIGHTS", MIN_WEIGHTS)
    onednn_linear(rows, weight, None)
    assert onednn_shapes == []


@pytest.mark.parametrize(
    ("vendor", "is_amd"), [("AuthenticAMD", True), ("HygonGenuine", True), ("GenuineIntel", False), ("", False)]
)
def test_amd_cpus_are_recognized(vendor: str, is_amd: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nvendor_id\t: {vendor}\nmodel name\t: some\n", encoding="utf-8")
    monkeypatch.setattr(device, "Path", lambda _: cpuinfo)
    assert matmul._is_amd_cpu.__wrapped__() is is_amd
