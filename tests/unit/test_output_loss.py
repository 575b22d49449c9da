"""The chunked loss of the output layer against its plain equations, and these against torch: values and gradients."""

import pytest
import torch
from torch.nn import functional as F

from nmt_cli.kernels import output_loss as kernel
from nmt_cli.kernels.output_loss import output_loss
from nmt_cli.training.loss import label_smoothed_cross_entropy


def test_the_plain_equations_equal_torch() -> None:
    torch.manual_seed(0)
    logits, targets = torch.randn(20, 30, requires_grad=True), torch.randint(0, 30, (20,))
    p, q = logits.log_softmax(-1).chunk(2)
    divergence = F.kl_div(q, p, reduction="sum", log_target=True) + F.kl_div(p, q, reduction="sum", log_target=True)
    expected = F.cross_entropy(logits, targets, label_smoothing=0.1, reduction="sum") + 5 * divergence / 2
    loss, likelihood = label_smoothed_cross_entropy(logits, targets, 0.1, r_drop=5)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(likelihood, F.cross_entropy(logits, targets, reduction="sum").detach())
    torch.testing.assert_close(*(torch.autograd.grad(value, logits)[0] for value in (loss, expected)))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("rows", [2048, 8])  # one chunk, several chunks
def test_the_chunked_loss_equals_cross_entropy(smoothing: float, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "ROW_MULTIPLE", 4)
    monkeypatch.setitem(kernel.LOGITS, "cpu", 30 * rows)
    torch.manual_seed(0)
    output = torch.nn.Linear(8, 30)
    torch.nn.init.normal_(output.bias)
    readouts, targets = torch.randn(19, 8, requires_grad=True), torch.randint(0, 30, (19,))
    reference, expected_likelihood = label_smoothed_cross_entropy(output(readouts), targets, smoothing)
    parameters = [readouts, output.weight, output.bias]
    expected = torch.autograd.grad(3 * reference, parameters)
    value, likelihood = output_loss(readouts, output, targets, smoothing, torch.float32)
    torch.testing.assert_close(value, reference)
    torch.testing.assert_close(likelihood, expected_likelihood)
    for gradient, expected_gradient in zip(torch.autograd.grad(3 * value, parameters), expected, strict=True):
        torch.testing.assert_close(gradient, expected_gradient, atol=1e-5, rtol=1e-5)
    with torch.no_grad():
        for with_gradient, without in zip(
            (value, likelihood), output_loss(readouts, output, targets, smoothing, torch.float32), strict=True
        ):
            torch.testing.assert_close(with_gradient.detach(), without)


@pytest.mark.parametrize("rows", [2048, 64])
def test_the_bf16_loss_approximates_the_fp32_loss(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(kernel.LOGITS, "cpu", 500 * rows)
    monkeypatch.setattr(kernel, "BLOCK", 200)
    torch.manual_seed(0)
    output = torch.nn.Linear(64, 500)
    readouts, targets = torch.randn(300, 64, requires_grad=True), torch.randint(0, 500, (300,))
    exact, _ = output_loss(readouts, output, targets, 0.1, torch.float32)
    approximate, _ = output_loss(readouts, output, targets, 0.1, torch.bfloat16)
    assert abs(exact.item() - approximate.item()) < 0.01 * exact.item()
    parameters = [readouts, output.weight, output.bias]
    for expected_gradient, gradient in zip(
        *(torch.autograd.grad(x, parameters) for x in (exact, approximate)), strict=True
    ):
        assert torch.cosine_similarity(expected_gradient.flatten(), gradient.flatten(), dim=0) > 0.999
        assert gradient.norm().item() == pytest.approx(expected_gradient.norm().item(), rel=0.02)


@pytest.mark.parametrize("rows", [2048, 8])
def test_r_drop_adds_the_kl_divergence_of_paired_rows(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "ROW_MULTIPLE", 4)
    monkeypatch.setitem(kernel.LOGITS, "cpu", 30 * rows)
    torch.manual_seed(0)
    output = torch.nn.Linear(8, 30)
    readouts, targets = torch.randn(20, 8, requires_grad=True), torch.randint(0, 30, (10,)).repeat(2)
    reference, expected_likelihood = label_smoothed_cross_entropy(output(readouts), targets, 0.1, r_drop=5)
    parameters = [readouts, output.weight, output.bias]
    value, likelihood = output_loss(readouts, output, targets, 0.1, torch.float32, r_drop=5)
    torch.testing.assert_close(value, reference)
    torch.testing.assert_close(likelihood, expected_likelihood)
    for gradient, expected in zip(
        torch.autograd.grad(3 * value, parameters), torch.autograd.grad(3 * reference, parameters), strict=True
    ):
        torch.testing.assert_close(gradient, expected, atol=1e-5, rtol=1e-5)
