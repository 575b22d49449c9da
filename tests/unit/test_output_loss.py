"""The loss of the output layer in chunks against its plain equations, and these against torch's: values, gradients."""

import pytest
import torch
from torch.nn import functional as F

from nmt_cli.kernels import output_loss as kernel
from nmt_cli.kernels.output_loss import output_loss
from nmt_cli.training.loss import label_smoothed_cross_entropy


def test_the_equations_are_torchs() -> None:
    torch.manual_seed(0)
    logits, targets = torch.randn(20, 30, requires_grad=True), torch.randint(0, 30, (20,))
    p, q = logits.log_softmax(-1).chunk(2)
    both = F.kl_div(q, p, reduction="sum", log_target=True) + F.kl_div(p, q, reduction="sum", log_target=True)
    expected = F.cross_entropy(logits, targets, label_smoothing=0.1, reduction="sum") + 5 * both / 2
    found, likelihood = label_smoothed_cross_entropy(logits, targets, 0.1, r_drop=5)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(likelihood, F.cross_entropy(logits, targets, reduction="sum").detach())
    torch.testing.assert_close(*(torch.autograd.grad(loss, logits)[0] for loss in (found, expected)))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("rows", [2048, 8])  # in one chunk, in several
def test_equals_cross_entropy(smoothing: float, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
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
    for found, wanted in zip(torch.autograd.grad(3 * value, parameters), expected, strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)
    with torch.no_grad():
        for with_gradient, without in zip(
            (value, likelihood), output_loss(readouts, output, targets, smoothing, torch.float32), strict=True
        ):
            torch.testing.assert_close(with_gradient.detach(), without)


@pytest.mark.parametrize("rows", [2048, 64])
def test_bf16_is_near(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(kernel.LOGITS, "cpu", 500 * rows)
    monkeypatch.setattr(kernel, "BLOCK", 200)
    torch.manual_seed(0)
    output = torch.nn.Linear(64, 500)
    readouts, targets = torch.randn(300, 64, requires_grad=True), torch.randint(0, 500, (300,))
    exact, _ = output_loss(readouts, output, targets, 0.1, torch.float32)
    near, _ = output_loss(readouts, output, targets, 0.1, torch.bfloat16)
    assert abs(exact.item() - near.item()) < 0.01 * exact.item()
    parameters = [readouts, output.weight, output.bias]
    for wanted, found in zip(*(torch.autograd.grad(x, parameters) for x in (exact, near)), strict=True):
        assert torch.cosine_similarity(wanted.flatten(), found.flatten(), dim=0) > 0.999
        assert found.norm().item() == pytest.approx(wanted.norm().item(), rel=0.02)


@pytest.mark.parametrize("rows", [2048, 8])
def test_r_drop_adds_the_divergence_of_paired_rows(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
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
    for found, wanted in zip(
        torch.autograd.grad(3 * value, parameters), torch.autograd.grad(3 * reference, parameters), strict=True
    ):
        torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)
