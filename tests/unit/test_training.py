"""Schedule, averaging, health and the state to resume from."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nmt_cli.checkpoint.model_dir import model_weights
from nmt_cli.config import ModelConfig, TrainingConfig
from nmt_cli.corpus.batch import Batch, collate
from nmt_cli.errors import CheckpointError
from nmt_cli.kernels.device import compute_for_training
from nmt_cli.model.seq2seq import Seq2Seq, VocabSizes, sequence_mask
from nmt_cli.training.health import HealthStats, warnings
from nmt_cli.training.optimizer import AdamW
from nmt_cli.training.schedule import DEFAULT_MINUTES, StoppingCriteria, forced_share, learning_rate, peak_rate
from nmt_cli.training.state import TrainerState, load_state, save_state
from nmt_cli.training.step import TrainStep

CPU = compute_for_training("cpu", "fp32", 0)


def batches(seed: int = 0) -> list[Batch]:
    rows = torch.randint(4, 40, (6, 5), generator=torch.Generator().manual_seed(seed)).tolist()
    return [collate(rows[:4], [row[::-1] for row in rows[:4]]), collate(rows[4:], [row[::-1] for row in rows[4:]])]


def train_step(**options: object) -> TrainStep:
    torch.manual_seed(1)
    model = Seq2Seq(ModelConfig(embedding_size=8, hidden_size=8), VocabSizes(40, 40, True)).train()
    return TrainStep(model, TrainingConfig.model_validate(options), CPU)


def test_one_batch_can_be_overfitted() -> None:
    torch.manual_seed(0)
    model = Seq2Seq(
        ModelConfig(embedding_size=32, hidden_size=32, dropout=0, embedding_dropout=0), VocabSizes(40, 40, True)
    ).train()
    one = TrainStep(model, TrainingConfig(label_smoothing=0), CPU)
    losses = [one.update(batches(), 1e-2).loss for _ in range(150)]
    assert losses[0] > 3
    assert losses[-1] < 0.05


def test_the_optimiser_moves_weights_as_the_class_of_the_library_does() -> None:
    torch.manual_seed(2)
    start = {"matrix": torch.randn(3, 4), "vector": torch.randn(4), "unread": torch.randn(2, 2)}
    ours, theirs = ({name: w.clone().requires_grad_() for name, w in start.items()} for _ in range(2))
    groups = [
        {"params": [theirs["matrix"], theirs["unread"]], "weight_decay": 0.3},
        {"params": [theirs["vector"]], "weight_decay": 0.0},
    ]
    one, other = AdamW(ours, 0.3), torch.optim.AdamW(groups, betas=(0.9, 0.98), eps=1e-9, fused=True)
    for update in range(4):
        for name in ("matrix", "vector")[: 1 + update]:  # a weight may have no gradient
            ours[name].grad = torch.randn_like(start[name])
            theirs[name].grad = ours[name].grad.clone()
        for group in other.param_groups:
            group["lr"] = 0.1 / (1 + update)
        one.step(0.1 / (1 + update))
        other.step()
    assert set(one.state) == {"matrix", "vector"}
    assert {name: int(kept["step"]) for name, kept in one.state.items()} == {"matrix": 4, "vector": 3}
    for name, weight in ours.items():
        assert torch.equal(weight, theirs[name]), name
    assert torch.equal(ours["unread"], start["unread"])
    assert not torch.equal(ours["matrix"], start["matrix"])


def test_accumulated_batches_learn_as_one() -> None:
    """Two batches in one update move the weights as their union does."""
    options = {"ema_decay": 0}
    apart, process_group = train_step(**options), train_step(**options)
    for one in (apart, process_group):
        one.model.eval()  # no dropout
    two = batches()
    sources = [row[: n - 1].tolist() for b in two for row, n in zip(b.source, b.source_lengths, strict=True)]
    union = collate(sources, [row[::-1] for row in sources])
    assert apart.update(two, 1e-2).loss == pytest.approx(process_group.update([union], 1e-2).loss, rel=1e-5)
    for name, weight in model_weights(apart.model).items():
        torch.testing.assert_close(weight, model_weights(process_group.model)[name], atol=2e-5, rtol=1e-4, msg=name)


def test_r_drop_without_dropout_changes_nothing_and_with_it_draws_readings_together() -> None:
    """Two readings that are the same have no divergence; those that dropout makes differ come nearer by it."""
    plain, paired = train_step(ema_decay=0), train_step(ema_decay=0, r_drop=3)
    for one in (plain, paired):
        one.model.eval()
    reports = [one.update(batches(), 1e-2) for one in (plain, paired)]
    assert reports[1].loss == pytest.approx(reports[0].loss, rel=1e-5)
    assert reports[1].tokens == reports[0].tokens
    for name, weight in model_weights(paired.model).items():
        torch.testing.assert_close(weight, model_weights(plain.model)[name], atol=2e-5, rtol=1e-4, msg=name)

    def apart(weight: float) -> float:
        """How far two readings are from each other after learning."""
        one = train_step(ema_decay=0, r_drop=weight)
        for _ in range(60):
            one.update(batches(), 1e-2)
        batch = batches()[0]
        source, lengths, entering = map(torch.from_numpy, (batch.source, batch.source_lengths, batch.target_input))
        mask = sequence_mask(lengths, source.size(1))
        readings = [one.model.output(one.model(source, mask, entering)[0]).log_softmax(-1) for _ in range(20)]
        return float(torch.stack(readings).detach().std(0).mean())

    assert apart(5.0) < 0.8 * apart(1e-9)


def test_an_update_that_is_not_finite_is_left_out() -> None:
    one = train_step()
    one.update(batches(), 1e-3)
    before = {name: w.clone() for name, w in model_weights(one.model).items()}
    one.model.output.bias.data[7] = float("nan")
    assert not one.update(batches(), 1e-3).applied
    one.model.output.bias.data[7] = before["output.bias"][7]
    for name, weight in model_weights(one.model).items():
        torch.testing.assert_close(weight, before[name], atol=0, rtol=0)


def test_gradients_are_clipped() -> None:
    one = train_step(clip_norm=1e-3)
    report = one.update(batches(), 1e-3)
    taken = torch.stack([kept["exp_avg"].norm() for kept in one.optimizer.state.values()]).norm()
    assert report.clipped
    assert report.norm > 1e-3
    assert float(taken) == pytest.approx((1 - 0.9) * 1e-3, rel=1e-3)
    free = train_step(clip_norm=1e3).update(batches(), 1e-3)
    assert not free.clipped
    assert free.norm == pytest.approx(report.norm, rel=1e-5)


def test_the_average_lags_behind_and_steps_in_for_the_weights() -> None:
    one = train_step(ema_decay=0.9)
    for _ in range(3):
        one.update(batches(), 1e-2)
    assert one.ema is not None
    live = {name: w.clone() for name, w in model_weights(one.model).items()}
    average = {name: w.clone() for name, w in one.ema.weights.items()}
    with suppress(KeyboardInterrupt), one.ema.in_place():
        for name, weight in model_weights(one.model).items():
            assert torch.equal(weight, average[name])
            assert not torch.equal(weight, live[name])
        raise KeyboardInterrupt
    for name, weight in model_weights(one.model).items():
        assert torch.equal(weight, live[name])
        assert torch.equal(one.ema.weights[name], average[name])


@pytest.mark.parametrize("at_once", [True, False])
def test_average_by_hand(at_once: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where torch has no private function for all weights at once."""
    if not at_once:
        monkeypatch.delattr(torch, "_foreach_lerp_")
    one = train_step(ema_decay=0.5)
    name = "output.bias"
    expected = model_weights(one.model)[name].clone()
    for n in range(1, 4):
        one.update(batches(), 1e-2)
        decay = min(0.5, (1 + n) / (10 + n))
        expected = decay * expected + (1 - decay) * model_weights(one.model)[name].detach()
    assert one.ema is not None
    torch.testing.assert_close(one.ema.weights[name], expected)


@pytest.mark.parametrize("decay", [0.0, 0.9])
def test_a_resumed_learner_goes_on_bit_by_bit(tmp_path: Path, decay: float) -> None:
    straight = train_step(ema_decay=decay)
    for i in range(3):
        straight.update(batches(i), 1e-2)
    save_state(tmp_path, straight, TrainerState(step=3, best=1.5, bad_validations=2))
    for i in range(3, 6):
        straight.update(batches(i), 1e-2)
    resumed = train_step(ema_decay=decay)
    torch.manual_seed(99)
    assert load_state(tmp_path, resumed) == TrainerState(step=3, best=1.5, bad_validations=2)
    for i in range(3, 6):
        resumed.update(batches(i), 1e-2)
    for name, weight in model_weights(straight.model).items():
        torch.testing.assert_close(weight, model_weights(resumed.model)[name], atol=0, rtol=0)
    if straight.ema and resumed.ema:
        for name, weight in straight.ema.weights.items():
            torch.testing.assert_close(weight, resumed.ema.weights[name], atol=0, rtol=0)


def test_a_state_of_another_model_is_refused(tmp_path: Path) -> None:
    save_state(tmp_path, train_step(), TrainerState())
    torch.manual_seed(0)
    other = TrainStep(Seq2Seq(ModelConfig(embedding_size=6, hidden_size=6), VocabSizes(40, 40, True)),
                    TrainingConfig(), CPU)  # fmt: skip
    with pytest.raises(CheckpointError, match="has shape"):
        load_state(tmp_path, other)
    without = train_step(ema_decay=0)
    save_state(tmp_path, without, TrainerState())
    with pytest.raises(CheckpointError, match="--ema-decay 0"):
        load_state(tmp_path, train_step())


@pytest.mark.parametrize(
    ("feeding", "end", "shares"),
    [
        ("none", 0.5, [1, 1, 1]),
        ("free", 0.5, [0, 0, 0]),
        ("constant", 0.3, [0.3, 0.3, 0.3]),
        ("linear", 0.2, [1, 0.6, 0.2]),
        ("exponential", 0.25, [1, 0.5, 0.25]),
        ("exponential", 0.0, [1, 0.1, 0.01]),
        ("inverse-sigmoid", 0.0, [0.9975, 0.5, 0.0025]),
        ("inverse-sigmoid", 0.4, [0.9985, 0.7, 0.4015]),
    ],
)
def test_the_share_of_true_words(feeding: str, end: float, shares: list[float]) -> None:
    options = {} if feeding in ("none", "free") else {"teacher_forcing_ratio": end}
    config = TrainingConfig.model_validate({"scheduled_sampling": feeding, **options})
    assert [forced_share(config, p) for p in (0.0, 0.5, 1.0)] == pytest.approx(shares, abs=1e-4)


def test_true_words_are_drawn_per_token() -> None:
    batch = collate([[4] * 30] * 40, [[5] * 30] * 40)
    one = train_step(scheduled_sampling="constant", teacher_forcing_ratio=0.25)
    drawn = one._draw_forced(batch, 0.25)
    assert drawn is not None
    assert drawn.shape == batch.target_input.shape
    assert not (drawn == drawn[:, :1]).all()
    assert 0.05 < drawn.float().mean() < 0.5
    assert one._draw_forced(batch, 1.0) is None


def test_feeding_changes_what_is_learnt() -> None:
    forced, free = train_step(), train_step(scheduled_sampling="free")
    for one in (forced, free):
        one.model.eval()  # no dropout
    reports = [forced.update(batches(), 1e-2), free.update(batches(), 1e-2, 0.0)]
    assert reports[0].loss != reports[1].loss


def test_limits() -> None:
    assert StoppingCriteria.of(TrainingConfig()) == StoppingCriteria(None, None, 60 * DEFAULT_MINUTES)
    limits = StoppingCriteria.of(TrainingConfig(max_steps=100, max_epochs=10, max_minutes=1))
    assert str(limits) == "100 updates or 10 epochs or 1 minutes"
    assert limits.progress(50, 1, 1) == 0.5
    assert limits.progress(50, 8, 1) == 0.8
    assert limits.progress(50, 8, 54) == 0.9
    assert limits.progress(50, 8, 54, reserve=6) == 1.0
    assert limits.progress(200, 0, 0) == 1.0


@pytest.mark.parametrize(
    ("schedule", "middle", "end"), [("linear", 0.5, 0.0), ("cosine", 0.5, 0.0), ("constant", 1.0, 1.0)]
)
def test_schedules(schedule: str, middle: float, end: float) -> None:
    config = TrainingConfig.model_validate({"schedule": schedule, "learning_rate": 2.0, "warmup": 9})
    assert learning_rate(config, 0, 0.0) == pytest.approx(0.2)
    assert learning_rate(config, 4, 0.0) == pytest.approx(1.0)
    assert learning_rate(config, 1000, 0.5) == pytest.approx(2 * middle)
    assert learning_rate(config, 1000, 1.0) == pytest.approx(2 * end)
    assert learning_rate(config, 0, 0.1) > 1.7, "a short run warms up within its first tenth"


def test_wide_and_deep_models_take_small_steps() -> None:
    def rate(**size: int) -> float:
        return round(peak_rate(ModelConfig.model_validate(size)), 4)

    assert [rate(hidden_size=width) for width in (64, 288, 512, 1024)] == [0.008, 0.008, 0.0045, 0.0022]
    assert [rate(encoder_layers=layers) for layers in (1, 2, 4, 8)] == [0.008, 0.008, 0.0056, 0.004]
    assert rate(decoder_layers=8) == rate(encoder_layers=8)


WELL = HealthStats(
    outputs=[f"o{i}" for i in range(50)],
    references=[f"r{i}" for i in range(50)],
    bleu=20.0,
    copy_bleu=3.0,
    entropy=0.5,
    clipped=0.99,
    norm=1.1,
    clip_norm=1.0,
)


@pytest.mark.parametrize(
    ("ill", "message"),
    [
        ({}, None),
        ({"outputs": ["same"] * 50}, "collapsed to 1 distinct"),
        ({"outputs": ["same"] * 50, "references": ["ref"] * 50}, None),
        ({"entropy": 0.99}, "attention is flat"),
        ({"entropy": None}, None),
        ({"bleu": 1.0}, "below that of copying the source"),
        ({"norm": 9.0}, "99% of the updates were clipped"),
        ({"norm": 9.0, "clipped": 0.5}, None),
    ],
)
def test_health(ill: dict[str, object], message: str | None) -> None:
    found = warnings(replace(WELL, **ill))  # type: ignore[arg-type]
    assert [message in warning for warning in found if message] == ([True] if message else [])
    assert message or not found
