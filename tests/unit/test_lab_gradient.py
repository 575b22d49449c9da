"""The experiment with the gradient: its measure, and its initial recurrent weights."""

import pytest
import torch
from torch.utils.hooks import RemovableHandle

from nmt_cli.lab import gradient


@pytest.mark.parametrize("name", [*gradient.MODELS, *gradient.PLAIN])
def test_gradient_norms_are_those_of_the_loss_of_the_last_word(name: str) -> None:
    """Against the gradient of a zero shift added to the embedded source."""
    train_step = gradient.new_model(name, 1)
    pairs = gradient.copy_pairs(1, 5)
    norms = gradient.gradient_norms(train_step.model, pairs)
    assert len(norms) == gradient.LENGTH
    model = train_step.model
    source, target = torch.tensor([[*pairs.sources[0], 3]]), torch.tensor([[2, *pairs.targets[0]]])
    mask = torch.ones_like(source, dtype=torch.bool)
    shift = torch.zeros(1, source.size(1), 64, requires_grad=True)
    hooks: list[RemovableHandle] = []

    def add_shift(_: object, __: tuple[torch.Tensor, ...], result: torch.Tensor) -> torch.Tensor:
        hooks[0].remove()  # the source is embedded first
        return result + shift

    hooks.append(model.embedding_dropout.register_forward_hook(add_shift))
    readouts, _ = model(source, mask, target)
    loss = torch.nn.functional.cross_entropy(
        model.output(readouts[:, gradient.LENGTH - 1]), source[:, gradient.LENGTH - 1]
    )
    (expected,) = torch.autograd.grad(loss, shift)
    assert norms == pytest.approx(expected[0, : gradient.LENGTH].norm(dim=-1).tolist(), rel=1e-4)


def test_models_of_the_gradient_differ_in_their_recurrent_weights_only() -> None:
    states = {name: gradient.new_model(name, 1).model.state_dict() for name in (gradient.RNN, *gradient.PLAIN)}
    orthogonal = states[gradient.RNN]
    for name in gradient.PLAIN:
        changed = {key for key, value in states[name].items() if not torch.equal(value, orthogonal[key])}
        assert changed == {key for key in orthogonal if key.endswith("weight_hh_l0")}
        assert len(changed) == 2  # the encoder's and the decoder's
    uniform, xavier = (states[name]["encoder.layers.0.cell.weight_hh_l0"] for name in gradient.PLAIN)
    for weight, limit in ((uniform, 64**-0.5), (xavier, (3 / 64) ** 0.5)):
        assert 0.99 * limit < weight.abs().max() <= limit
        assert weight.std() == pytest.approx(limit / 3**0.5, rel=0.05)


def test_the_spectrum_explains_what_is_left_of_the_gradient() -> None:
    """Orthogonal weights keep the norm; of uniform ones, a step leaves about 1 / sqrt(3)."""
    spectra = {
        name: gradient.spectrum(next(gradient.recurrent_weights(gradient.new_model(name, 1).model)))
        for name in (gradient.RNN, gradient.UNIFORM)
    }
    assert spectra[gradient.RNN] == pytest.approx((1.0, 1.0), rel=1e-4)
    singular, radius = spectra[gradient.UNIFORM]
    assert radius == pytest.approx(3**-0.5, rel=0.2)
    assert singular == pytest.approx(2 * 3**-0.5, rel=0.2)
    assert gradient.spectrum(torch.tensor([[0.0, 4.0], [1.0, 0.0]])) == pytest.approx((4.0, 2.0))


def test_reach_is_the_ratio_of_first_to_last_norms() -> None:
    assert gradient.gradient_reach([1.0, 2.0, 3.0, *[9.0] * 24, 10.0, 20.0, 30.0]) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("uniform", "orthogonal", "lstm", "attention", "expected"),
    [
        (1e-3, 0.1, 0.1, 3.0, [True, True, True]),
        (0.02, 0.1, 0.1, 3.0, [False, True, True]),
        (1e-3, 5e-3, 0.1, 3.0, [True, False, True]),
        (1e-3, 0.1, 0.5, 3.0, [True, True, False]),
    ],
)
def test_each_claim_has_its_own_verdict(
    uniform: float, orthogonal: float, lstm: float, attention: float, expected: list[bool]
) -> None:
    untrained = {
        "RNN, uniform": [uniform] * 2,
        "RNN, Xavier": [0.5, 0.5],
        "RNN, orthogonal": [orthogonal] * 2,
        "LSTM": [lstm] * 2,
        "LSTM + attention": [attention] * 2,
    }
    trained = {name: [1.0, 1.0] for name in gradient.MODELS}
    verdicts = gradient._verdicts({"untrained": untrained, "trained": trained})
    assert [verdict.reproduced for verdict in verdicts] == expected
