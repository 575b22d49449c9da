"""Products by oneDNN: the same numbers and gradients as the library's own."""

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
def multiplied(monkeypatch: pytest.MonkeyPatch) -> list[torch.Size]:
    """As on a processor where MKL is slow; the sizes that oneDNN multiplies."""
    monkeypatch.setattr(matmul, "_is_amd_cpu", lambda: True)
    monkeypatch.setattr(matmul, "MIN_WEIGHTS", 1)
    sizes: list[torch.Size] = []

    def counted(left: Tensor, right: Tensor, bias: Tensor | None = None) -> Tensor:
        sizes.append(left.shape)
        return linear_no_grad(left, right, bias)

    monkeypatch.setattr(matmul, "linear_no_grad", counted)
    return sizes


ROWS: dict[str, Callable[[], Tensor]] = {
    "as they lie": lambda: torch.randn(40, 24),
    "columns of others": lambda: torch.randn(40, 72).chunk(3, -1)[1],
    "turned": lambda: torch.randn(24, 40).t(),
    "one again and again": lambda: torch.randn(1, 24).expand(40, 24),
    "a single one": lambda: torch.randn(1, 24),
}


def assert_near(found: Tensor, exact: Tensor) -> None:
    """Within what float32 rounds, relative to the whole."""
    assert (found.double() - exact).norm() <= 1e-5 * exact.norm()


@needs_onednn
@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("bias", [True, False])
def test_equals_the_equation(name: str, bias: bool, multiplied: list[torch.Size]) -> None:
    """In float64: two libraries in float32 round differently, and of a sum near zero nothing may be left but that."""
    torch.manual_seed(0)
    rows = ROWS[name]().detach().requires_grad_()
    parameters = [torch.randn(32, 24, requires_grad=True), *([torch.randn(32, requires_grad=True)] if bias else [])]
    offset = parameters[1] if bias else None
    exact = [tensor.detach().double().requires_grad_() for tensor in (rows, *parameters)]
    wanted = F.linear(exact[0], exact[1], exact[2] if bias else None)
    found = onednn_linear(rows, parameters[0], offset)
    assert_near(found, wanted)
    for change in (lambda y: y.sum(), lambda y: (y**2)[:, ::2].sum(), lambda y: y.sin().sum()):
        gradients = (
            torch.autograd.grad(change(y), inputs, retain_graph=True)
            for y, inputs in ((found, [rows, *parameters]), (wanted, exact))
        )
        for given, expected in zip(*gradients, strict=True):
            assert_near(given, expected)
    assert len(multiplied) == 4  # forwards, and three times backwards


@needs_onednn
def test_no_gradient_that_nobody_wants(multiplied: list[torch.Size]) -> None:
    rows, weight = torch.randn(5, 8), torch.randn(6, 8, requires_grad=True)
    onednn_linear(rows, weight, None).sum().backward()
    assert weight.grad is not None
    assert multiplied == [(5, 8)]


@needs_onednn
def test_only_where_it_pays(multiplied: list[torch.Size], monkeypatch: pytest.MonkeyPatch) -> None:
    rows, weight = torch.randn(5, 8), torch.randn(6, 8, requires_grad=True)
    with torch.no_grad():
        onednn_linear(rows, weight, None)
    with torch.autocast("cpu", torch.bfloat16):
        onednn_linear(rows, weight, None)
    onednn_linear(rows.double(), weight.double(), None)
    monkeypatch.setattr(matmul, "MIN_WEIGHTS", MIN_WEIGHTS)
    onednn_linear(rows, weight, None)
    assert multiplied == []


@pytest.mark.parametrize(
    ("maker", "pays"), [("AuthenticAMD", True), ("HygonGenuine", True), ("GenuineIntel", False), ("", False)]
)
def test_which_processors(maker: str, pays: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tmp_path / "cpuinfo"
    told.write_text(f"processor\t: 0\nvendor_id\t: {maker}\nmodel name\t: some\n", encoding="utf-8")
    monkeypatch.setattr(device, "Path", lambda _: told)
    assert matmul._is_amd_cpu.__wrapped__() is pays
