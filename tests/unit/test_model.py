"""The model: every system is the same whether run over time or step by step, padded or alone."""

import itertools

import pytest
import torch
from torch import Tensor

from nmt_cli.config import ModelConfig
from nmt_cli.model.attention import SCORES, Attention, attend
from nmt_cli.model.recurrence import Bidirectional, Recurrence
from nmt_cli.model.seq2seq import Seq2Seq, Vocabularies, mask_from

LENGTHS = torch.tensor([7, 3, 1, 5])
VOCABULARIES = Vocabularies(50, 50, True)


def config(**options: object) -> ModelConfig:
    return ModelConfig.model_validate({"embedding_size": 12, "hidden_size": 16, **options})


def systems() -> list[ModelConfig]:
    """Every combination of placement, score, cell and depth."""
    found = []
    for placement, score, cell in itertools.product(("bottom", "after", "feeding"), SCORES, ("lstm", "gru")):
        for encoder, decoder, both in ((1, 2, True), (3, 3, False)):
            found.append(
                config(
                    attention="after" if placement == "feeding" else placement,
                    input_feeding=placement == "feeding",
                    score=score,
                    cell=cell,
                    encoder_layers=encoder,
                    decoder_layers=decoder,
                    bidirectional=both,
                )
            )
    return found


def name(system: ModelConfig) -> str:
    feeding = "-feed" if system.input_feeding else ""
    return f"{system.attention}{feeding}-{system.score}-{system.cell}-{system.encoder_layers}"


def build(system: ModelConfig) -> tuple[Seq2Seq, Tensor, Tensor, Tensor]:
    torch.manual_seed(3)
    source = torch.randint(4, 50, (len(LENGTHS), int(LENGTHS.max())))
    mask = mask_from(LENGTHS, source.size(1))
    target = torch.randint(4, 50, (len(LENGTHS), 6))
    return Seq2Seq(system, VOCABULARIES).eval(), source.masked_fill(~mask, 0), mask, target


@pytest.mark.parametrize("system", systems(), ids=name)
def test_teacher_forcing_equals_step_by_step(system: ModelConfig) -> None:
    model, source, mask, target = build(system)
    readouts, weights = model(source, mask, target)
    memory = model.encode(source, mask)
    state = model.start(memory, 1)
    for t in range(target.size(1)):
        logits, state, looked = model.step(target[:, t : t + 1], state, memory)
        torch.testing.assert_close(logits, model.output(readouts[:, t : t + 1]), atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(looked, weights[:, t : t + 1], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("system", systems(), ids=name)
def test_padding_and_neighbours_change_nothing(system: ModelConfig) -> None:
    model, source, mask, target = build(system)
    together, weights = model(source, mask, target)
    for row, length in enumerate(LENGTHS.tolist()):
        alone, looked = model(source[row : row + 1, :length], mask[row : row + 1, :length], target[row : row + 1])
        torch.testing.assert_close(alone[0], together[row], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(looked[0], weights[row, :, :length], atol=1e-5, rtol=1e-5)
        assert (weights[row, :, length:] == 0).all(), "padding was looked at"
    torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:2]))


@pytest.mark.parametrize("system", systems()[::3], ids=name)
def test_beams_stand_where_time_stands(system: ModelConfig) -> None:
    """Three hypotheses of a sentence step as if each were a sentence of its own, also after reordering."""
    model, source, mask, target = build(system)
    memory = model.encode(source, mask)
    tokens = target[:, :3]
    _, state, _ = model.step(tokens, model.start(memory, 3), memory)
    order = torch.tensor([[2, 0, 0]] * len(LENGTHS))
    kept = torch.tensor([3, 0])
    logits, _, _ = model.step(tokens[kept], state.select(order).keep(kept), memory.keep(kept))
    for beam in range(3):
        _, alone, _ = model.step(tokens.gather(1, order)[:, beam : beam + 1], model.start(memory, 1), memory)
        expected, _, _ = model.step(tokens[:, beam : beam + 1], alone, memory)
        torch.testing.assert_close(logits[:, beam : beam + 1], expected[kept], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("score", SCORES)
def test_attention_equals_loops_over_the_equations(score: str) -> None:
    torch.manual_seed(0)
    attention = Attention(SCORES[score](8, 8))
    query, memory = torch.randn(2, 3, 8), torch.randn(2, 5, 8)
    mask = mask_from(torch.tensor([5, 2]), 5)
    context, weights = attention(query, attention.project_keys(memory), memory, mask)
    parts = dict(attention.named_parameters())

    def by_hand(s: Tensor, h: Tensor) -> Tensor:
        if score == "dot":
            return s @ h
        if score == "general":
            return s @ (parts["score.projection.weight"] @ h)
        joined = torch.cat([parts["score.query.weight"], parts["score.key.weight"]], 1) @ torch.cat([s, h])
        return parts["score.vector.weight"][0] @ torch.tanh(joined + parts["score.key.bias"])

    for b, length in enumerate((5, 2)):
        for t in range(3):
            scores = torch.stack([by_hand(query[b, t], memory[b, j]) for j in range(length)])
            expected = scores.softmax(0)
            torch.testing.assert_close(weights[b, t, :length], expected)
            torch.testing.assert_close(context[b, t], (expected.unsqueeze(1) * memory[b, :length]).sum(0))


def test_attention_distribution_gives_the_weighted_average() -> None:
    weights = torch.tensor([0.85, 0.08, 0.04, 0.03])
    values = torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 2.0], [-1.0, 3.0]])
    context, found = attend(weights.log().view(1, 1, 4), values.unsqueeze(0), torch.ones(1, 4, dtype=torch.bool))
    torch.testing.assert_close(found[0, 0], weights)
    torch.testing.assert_close(context[0, 0], torch.tensor([0.85 + 0.08 - 0.03, 0.08 + 0.08 + 0.09]))


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_bidirectional_equals_packed_sequences(cell: str) -> None:
    """Parity with the library's own bidirectional layer over packed sequences."""
    torch.manual_seed(0)
    layer = Bidirectional(cell, 6, 8)
    kind = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[cell]
    reference = kind(6, 4, batch_first=True, bidirectional=True)
    for parameter, value in layer.ahead.cell.named_parameters():
        getattr(reference, parameter).data.copy_(value)
    for parameter, value in layer.back.cell.named_parameters():
        getattr(reference, parameter + "_reverse").data.copy_(value)
    inputs = torch.randn(4, 7, 6)
    packed = torch.nn.utils.rnn.pack_padded_sequence(inputs, LENGTHS, batch_first=True, enforce_sorted=False)
    expected, _ = torch.nn.utils.rnn.pad_packed_sequence(reference(packed)[0], batch_first=True)
    found, final = layer(inputs, LENGTHS)
    mask = mask_from(LENGTHS, 7).unsqueeze(-1)
    torch.testing.assert_close(found * mask, expected * mask)
    rows = torch.arange(4)
    torch.testing.assert_close(final, torch.cat([expected[rows, LENGTHS - 1, :4], expected[:, 0, 4:]], 1))
    gradients = [
        torch.autograd.grad((output * mask).square().sum(), [parameter])[0]
        for output, parameter in ((found, layer.back.cell.weight_ih_l0), (expected, reference.weight_ih_l0_reverse))
    ]
    torch.testing.assert_close(*gradients)


def test_recurrence_starts_at_zero() -> None:
    layer = Recurrence("lstm", 4, 6)
    inputs = torch.randn(3, 5, 4)
    zeros = (torch.zeros(3, 1, 6), torch.zeros(3, 1, 6))
    torch.testing.assert_close(layer(inputs)[0], layer(inputs, zeros)[0])


@pytest.mark.parametrize(
    ("tied", "joint", "tables"), [("auto", True, 1), ("auto", False, 2), ("none", True, 3), ("decoder", True, 2)]
)
def test_tied_embeddings(tied: str, joint: bool, tables: int) -> None:
    model = Seq2Seq(config(tied_embeddings=tied), Vocabularies(50, 50, joint))
    weights = (model.source_embedding.weight, model.target_embedding.weight, model.output.weight)
    assert len({id(w) for w in weights}) == tables


def test_tying_all_needs_a_joint_vocabulary() -> None:
    with pytest.raises(ValueError, match="--vocabulary joint"):
        Seq2Seq(config(tied_embeddings="all"), Vocabularies(50, 40, False))


def test_dropout_acts_in_training_only_and_holds_over_time() -> None:
    model, source, mask, target = build(config(dropout=0.5, embedding_dropout=0.5))
    torch.testing.assert_close(model(source, mask, target)[0], model(source, mask, target)[0])
    model.train()
    assert not torch.equal(model(source, mask, target)[0], model(source, mask, target)[0])
    dropped = model.embedding_dropout(torch.ones(2, 5, 12))
    assert (dropped == dropped[:, :1]).all()
    assert 0 < (dropped == 0).sum() < dropped.numel()


def test_word_dropout_replaces_words_in_training_only() -> None:
    model, source, mask, target = build(config(word_dropout=0.9, embedding_dropout=0.0, dropout=0.0))
    calm = model(source, mask, target)[0]
    torch.testing.assert_close(calm, model(source, mask, target)[0])
    model.train()
    assert not torch.allclose(calm, model(source, mask, target)[0])
