"""The training step, optimizer, schedule, EMA, health warnings, and the state to resume from."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from nmt_cli.checkpoint.model_dir import model_weights
from nmt_cli.cli.train import _longer
from nmt_cli.config import ModelConfig, TrainingConfig
from nmt_cli.corpus.batch import Batch, collate
from nmt_cli.errors import CheckpointError
from nmt_cli.kernels.device import compute_for_training
from nmt_cli.model.seq2seq import Seq2Seq, VocabSizes, sequence_mask
from nmt_cli.training.health import HealthStats, health_warnings, judge
from nmt_cli.training.optimizer import AdamW
from nmt_cli.training.schedule import (
    DEFAULT_MINUTES,
    StoppingCriteria,
    default_learning_rate,
    learning_rate,
    teacher_forcing_ratio,
)
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
    step = TrainStep(model, TrainingConfig(label_smoothing=0), CPU)
    losses = [step.update(batches(), 1e-2).loss for _ in range(150)]
    assert losses[0] > 3
    assert losses[-1] < 0.05


def test_adamw_equals_torch_adamw() -> None:
    torch.manual_seed(2)
    start = {"matrix": torch.randn(3, 4), "vector": torch.randn(4), "unread": torch.randn(2, 2)}
    our_weights, torch_weights = ({name: w.clone().requires_grad_() for name, w in start.items()} for _ in range(2))
    groups = [
        {"params": [torch_weights["matrix"], torch_weights["unread"]], "weight_decay": 0.3},
        {"params": [torch_weights["vector"]], "weight_decay": 0.0},
    ]
    ours, torch_adamw = AdamW(our_weights, 0.3), torch.optim.AdamW(groups, betas=(0.9, 0.98), eps=1e-9, fused=True)
    for update in range(4):
        for name in ("matrix", "vector")[: 1 + update]:  # some weights have no gradient
            gradient = torch.randn_like(start[name])
            our_weights[name].grad, torch_weights[name].grad = gradient, gradient.clone()
        for group in torch_adamw.param_groups:
            group["lr"] = 0.1 / (1 + update)
        ours.step(0.1 / (1 + update))
        torch_adamw.step()
    assert set(ours.state) == {"matrix", "vector"}
    assert {name: int(state["step"]) for name, state in ours.state.items()} == {"matrix": 4, "vector": 3}
    for name, weight in our_weights.items():
        assert torch.equal(weight, torch_weights[name]), name
    assert torch.equal(our_weights["unread"], start["unread"])
    assert not torch.equal(our_weights["matrix"], start["matrix"])


def test_gradient_accumulation_equals_one_large_batch() -> None:
    """An update from two batches equals an update from one batch of all their sentences."""
    options = {"ema_decay": 0}
    accumulated, combined = train_step(**options), train_step(**options)
    for step in (accumulated, combined):
        step.model.eval()  # no dropout
    pair = batches()
    sources = [row[: n - 1].tolist() for b in pair for row, n in zip(b.source, b.source_lengths, strict=True)]
    union = collate(sources, [row[::-1] for row in sources])
    assert accumulated.update(pair, 1e-2).loss == pytest.approx(combined.update([union], 1e-2).loss, rel=1e-5)
    for name, weight in model_weights(accumulated.model).items():
        torch.testing.assert_close(weight, model_weights(combined.model)[name], atol=2e-5, rtol=1e-4, msg=name)


def test_r_drop_changes_nothing_without_dropout_and_reduces_divergence_with_it() -> None:
    """Without dropout both passes are equal and have no divergence; with dropout R-drop makes them more alike."""
    plain, paired = train_step(ema_decay=0), train_step(ema_decay=0, r_drop=3)
    for step in (plain, paired):
        step.model.eval()  # no dropout
    reports = [step.update(batches(), 1e-2) for step in (plain, paired)]
    assert reports[1].loss == pytest.approx(reports[0].loss, rel=1e-5)
    assert reports[1].tokens == reports[0].tokens
    for name, weight in model_weights(paired.model).items():
        torch.testing.assert_close(weight, model_weights(plain.model)[name], atol=2e-5, rtol=1e-4, msg=name)

    def spread(weight: float) -> float:
        """Standard deviation of the log-probabilities over passes with dropout, after training."""
        step = train_step(ema_decay=0, r_drop=weight)
        for _ in range(60):
            step.update(batches(), 1e-2)
        batch = batches()[0]
        source, lengths, target_input = map(torch.from_numpy, (batch.source, batch.source_lengths, batch.target_input))
        mask = sequence_mask(lengths, source.size(1))
        passes = [step.model.output(step.model(source, mask, target_input)[0]).log_softmax(-1) for _ in range(20)]
        return float(torch.stack(passes).detach().std(0).mean())

    assert spread(5.0) < 0.8 * spread(1e-9)


def test_update_with_non_finite_loss_is_skipped() -> None:
    step = train_step()
    step.update(batches(), 1e-3)
    before = {name: w.clone() for name, w in model_weights(step.model).items()}
    step.model.output.bias.data[7] = float("nan")
    assert not step.update(batches(), 1e-3).applied
    step.model.output.bias.data[7] = before["output.bias"][7]
    for name, weight in model_weights(step.model).items():
        torch.testing.assert_close(weight, before[name], atol=0, rtol=0)


def test_gradients_are_clipped_to_clip_norm() -> None:
    step = train_step(clip_norm=1e-3)
    report = step.update(batches(), 1e-3)
    applied_norm = torch.stack([state["exp_avg"].norm() for state in step.optimizer.state.values()]).norm()
    assert report.clipped
    assert report.norm > 1e-3
    assert float(applied_norm) == pytest.approx((1 - 0.9) * 1e-3, rel=1e-3)
    unclipped = train_step(clip_norm=1e3).update(batches(), 1e-3)
    assert not unclipped.clipped
    assert unclipped.norm == pytest.approx(report.norm, rel=1e-5)


def test_ema_replaces_the_weights_within_its_context_and_restores_them() -> None:
    step = train_step(ema_decay=0.9)
    for _ in range(3):
        step.update(batches(), 1e-2)
    assert step.ema is not None
    trained = {name: w.clone() for name, w in model_weights(step.model).items()}
    average = {name: w.clone() for name, w in step.ema.weights.items()}
    with suppress(KeyboardInterrupt), step.ema.swapped():
        for name, weight in model_weights(step.model).items():
            assert torch.equal(weight, average[name])
            assert not torch.equal(weight, trained[name])
        raise KeyboardInterrupt
    for name, weight in model_weights(step.model).items():
        assert torch.equal(weight, trained[name])
        assert torch.equal(step.ema.weights[name], average[name])


def test_ema_equals_hand_computed_average() -> None:
    step = train_step(ema_decay=0.5)
    name = "output.bias"
    expected = model_weights(step.model)[name].clone()
    for n in range(1, 4):
        step.update(batches(), 1e-2)
        decay = min(0.5, (1 + n) / (10 + n))
        expected = decay * expected + (1 - decay) * model_weights(step.model)[name].detach()
    assert step.ema is not None
    torch.testing.assert_close(step.ema.weights[name], expected)


@pytest.mark.parametrize("decay", [0.0, 0.9])
def test_resumed_training_is_bitwise_equal(tmp_path: Path, decay: float) -> None:
    uninterrupted = train_step(ema_decay=decay)
    for i in range(3):
        uninterrupted.update(batches(i), 1e-2)
    save_state(tmp_path, uninterrupted, TrainerState(step=3, best=1.5, bad_validations=2), "run")
    for i in range(3, 6):
        uninterrupted.update(batches(i), 1e-2)
    resumed = train_step(ema_decay=decay)
    torch.manual_seed(99)
    assert load_state(tmp_path, resumed, "run") == TrainerState(step=3, best=1.5, bad_validations=2)
    for i in range(3, 6):
        resumed.update(batches(i), 1e-2)
    for name, weight in model_weights(uninterrupted.model).items():
        torch.testing.assert_close(weight, model_weights(resumed.model)[name], atol=0, rtol=0)
    if uninterrupted.ema and resumed.ema:
        for name, weight in uninterrupted.ema.weights.items():
            torch.testing.assert_close(weight, resumed.ema.weights[name], atol=0, rtol=0)


@pytest.mark.parametrize(("before", "after"), [([], ["encoder"]), (["encoder"], []), (["embeddings"], ["encoder"])])
def test_a_state_can_be_resumed_with_other_frozen_parts(tmp_path: Path, before: list[str], after: list[str]) -> None:
    first, second = train_step(freeze=before), train_step(freeze=after)
    first.update(batches(), 1e-2)
    save_state(tmp_path, first, TrainerState(step=1), "run")
    load_state(tmp_path, second, "run")
    prefixes = tuple({"encoder": "encoder.", "embeddings": "source_embedding"}[part] for part in after)
    frozen = {name for name in model_weights(second.model) if prefixes and name.startswith(prefixes)}
    assert bool(frozen) == bool(after)
    assert second.optimizer.weights.keys() == model_weights(second.model).keys() - frozen
    assert not second.optimizer.state.keys() & frozen
    kept = {name: weight.detach().clone() for name, weight in model_weights(second.model).items()}
    second.update(batches(1), 1e-2)
    changed = {name for name, weight in model_weights(second.model).items() if not torch.equal(weight, kept[name])}
    assert changed == model_weights(second.model).keys() - frozen


def test_state_of_a_different_model_is_refused(tmp_path: Path) -> None:
    save_state(tmp_path, train_step(), TrainerState(), "run")
    torch.manual_seed(0)
    other = TrainStep(Seq2Seq(ModelConfig(embedding_size=6, hidden_size=6), VocabSizes(40, 40, True)),
                    TrainingConfig(), CPU)  # fmt: skip
    with pytest.raises(CheckpointError, match="has shape"):
        load_state(tmp_path, other, "run")
    with pytest.raises(CheckpointError, match="belongs to another model"):
        load_state(tmp_path, train_step(), "another run")
    without = train_step(ema_decay=0)
    save_state(tmp_path, without, TrainerState(), "run")
    with pytest.raises(CheckpointError, match="--ema-decay 0"):
        load_state(tmp_path, train_step(), "run")


@pytest.mark.parametrize(
    ("sampling", "end", "ratios"),
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
def test_teacher_forcing_ratio_follows_the_schedule(sampling: str, end: float, ratios: list[float]) -> None:
    options = {} if sampling in ("none", "free") else {"teacher_forcing_ratio": end}
    config = TrainingConfig.model_validate({"scheduled_sampling": sampling, **options})
    assert [teacher_forcing_ratio(config, p) for p in (0.0, 0.5, 1.0)] == pytest.approx(ratios, abs=1e-4)


def test_forced_tokens_are_drawn_per_token() -> None:
    batch = collate([[4] * 30] * 40, [[5] * 30] * 40)
    step = train_step(scheduled_sampling="constant", teacher_forcing_ratio=0.25)
    forced = step._draw_forced(batch, 0.25)
    assert forced is not None
    assert forced.shape == batch.target_input.shape
    assert not (forced == forced[:, :1]).all()
    assert 0.05 < forced.float().mean() < 0.5
    assert step._draw_forced(batch, 1.0) is None


def test_scheduled_sampling_changes_the_loss() -> None:
    forced, free = train_step(), train_step(scheduled_sampling="free")
    for step in (forced, free):
        step.model.eval()  # no dropout
    reports = [forced.update(batches(), 1e-2), free.update(batches(), 1e-2, 0.0)]
    assert reports[0].loss != reports[1].loss


def test_progress_follows_the_nearest_stopping_criterion() -> None:
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
def test_learning_rate_schedules(schedule: str, middle: float, end: float) -> None:
    config = TrainingConfig.model_validate({"schedule": schedule, "learning_rate": 2.0, "warmup": 9})
    assert learning_rate(config, 0, 0.0) == pytest.approx(0.2)
    assert learning_rate(config, 4, 0.0) == pytest.approx(1.0)
    assert learning_rate(config, 1000, 0.5) == pytest.approx(2 * middle)
    assert learning_rate(config, 1000, 1.0) == pytest.approx(2 * end)
    assert learning_rate(config, 0, 0.1) > 1.7, "a short run warms up within its first tenth"


def test_peak_learning_rate_falls_with_width_and_depth() -> None:
    def rate(**sizes: int) -> float:
        return round(default_learning_rate(ModelConfig.model_validate(sizes)), 4)

    assert [rate(hidden_size=width) for width in (64, 288, 512, 1024)] == [0.008, 0.008, 0.0045, 0.0022]
    assert [rate(encoder_layers=layers) for layers in (1, 2, 4, 8)] == [0.008, 0.008, 0.0056, 0.004]
    assert rate(decoder_layers=8) == rate(encoder_layers=8)


HEALTHY = HealthStats(
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
    ("changes", "message"),
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
def test_health_warnings(changes: dict[str, Any], message: str | None) -> None:
    texts = health_warnings(replace(HEALTHY, **changes))
    assert [message in warning for warning in texts if message] == ([True] if message else [])
    assert message or not texts


@pytest.mark.parametrize(
    ("chrf", "verdict"),
    [
        ([12.0], "not usable yet (chrF 12.0 on dev), still rising"),
        ([30.0, 44.0], "rough (chrF 44.0 on dev), still rising"),
        ([30.0, 44.0, 50.0], "usable (chrF 50.0 on dev), still rising"),
        ([30.0, 50.0, 50.4], "usable (chrF 50.4 on dev), no longer rising"),
        ([30.0, 40.0, 44.0, 60.0, 59.0, 58.0], "usable (chrF 60.0 on dev), no longer rising"),
        ([20.0, 24.0, 24.1], "not usable yet (chrF 24.1 on dev), no longer rising"),
    ],
)
def test_verdict_on_a_run(chrf: list[float], verdict: str) -> None:
    assert str(judge(chrf)) == verdict


def test_a_run_without_validations_has_no_verdict() -> None:
    assert judge([]) is None


@pytest.mark.parametrize(
    ("options", "longer"),
    [
        ({}, "--max-minutes 30.0"),
        ({"max_minutes": 1.2}, "--max-minutes 2.4"),
        ({"max_steps": 1_000_000, "max_epochs": 2}, "--max-steps 2000000 --max-epochs 4.0"),
    ],
)
def test_a_longer_run_doubles_every_limit(options: dict[str, float], longer: str) -> None:
    assert _longer(TrainingConfig.model_validate(options)) == longer
