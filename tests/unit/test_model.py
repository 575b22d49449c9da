"""The model: every system is the same whether run over time or step by step, padded or alone."""

import itertools

import pytest
import torch
from family import SIDES, SYSTEMS, config, every_system
from torch import Tensor

from nmt_cli.config import ModelConfig
from nmt_cli.kernels.matmul import fast_tanh_
from nmt_cli.model.attention import SCORES, Attention, attend
from nmt_cli.model.decoder import DECODERS, READOUTS
from nmt_cli.model.dropout import LockedDropout
from nmt_cli.model.encoder import Memory
from nmt_cli.model.rnn import Bidirectional, RNNLayer
from nmt_cli.model.seq2seq import Seq2Seq, VocabSizes, sequence_mask, source_order_index

LENGTHS = torch.tensor([7, 3, 1, 5])
VOCABULARIES = VocabSizes(50, 50, True)


def test_the_grid_has_every_pair_of_choices() -> None:
    choices = [{(k, v) for k, v in system.model_dump().items()} for system in SYSTEMS]
    values = [(side, value) for side, values in SIDES.items() for value in values]
    values += [("attention", a) for a in DECODERS] + [("score", s) for s in SCORES]
    for one, other in itertools.combinations(values, 2):
        refused = (other[0] == "score" and one[1] in ("none", "none-repeat")) or {one[1], other[1]} == {
            "none-repeat",
            "maxout",
        }
        if one[0] != other[0] and not refused:
            assert any({one, other} <= system for system in choices), (one, other)


def build(system: ModelConfig) -> tuple[Seq2Seq, Tensor, Tensor, Tensor]:
    torch.manual_seed(3)
    source = torch.randint(4, 50, (len(LENGTHS), int(LENGTHS.max())))
    mask = sequence_mask(LENGTHS, source.size(1))
    target = torch.randint(4, 50, (len(LENGTHS), 6))
    return Seq2Seq(system, VOCABULARIES).eval(), source.masked_fill(~mask, 0), mask, target


@every_system
def test_teacher_forcing_equals_step_by_step(system: ModelConfig) -> None:
    model, source, mask, target = build(system)
    readouts, weights = model(source, mask, target)
    memory = model.encode(source, mask)
    state = model.init_state(memory)
    for t in range(target.size(1)):
        logits, state, looked = model.step(target[:, t : t + 1], state, memory)
        torch.testing.assert_close(logits, model.output(readouts[:, t : t + 1]), atol=1e-5, rtol=1e-5)
        if weights is None:
            assert looked is None
        else:
            torch.testing.assert_close(looked, weights[:, t : t + 1], atol=1e-5, rtol=1e-5)


@every_system
def test_padding_and_neighbours_change_nothing(system: ModelConfig) -> None:
    model, source, mask, target = build(system)
    deferred, weights = model(source, mask, target)
    for row, length in enumerate(LENGTHS.tolist()):
        alone, looked = model(source[row : row + 1, :length], mask[row : row + 1, :length], target[row : row + 1])
        torch.testing.assert_close(alone[0], deferred[row], atol=1e-5, rtol=1e-5)
        if weights is not None:
            torch.testing.assert_close(looked[0], weights[row, :, :length], atol=1e-5, rtol=1e-5)
            assert (weights[row, :, length:] == 0).all(), "padding was looked at"
    if weights is not None:
        torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:2]))


@every_system
def test_beams_stand_where_time_stands(system: ModelConfig) -> None:
    """Three hypotheses of a sentence step as if each were a sentence of its own, also after reordering."""
    model, source, mask, target = build(system)
    memory = model.encode(source, mask)
    tokens = target[:, :3]
    _, state, _ = model.step(tokens, model.init_state(memory).select(torch.zeros_like(tokens)), memory)
    order = torch.tensor([[2, 0, 0]] * len(LENGTHS))
    kept = torch.tensor([3, 0])
    logits, _, _ = model.step(tokens[kept], state.select(order).select_batch(kept), memory.select_batch(kept))
    for beam in range(3):
        _, alone, _ = model.step(tokens.gather(1, order)[:, beam : beam + 1], model.init_state(memory), memory)
        expected, _, _ = model.step(tokens[:, beam : beam + 1], alone, memory)
        torch.testing.assert_close(logits[:, beam : beam + 1], expected[kept], atol=1e-5, rtol=1e-5)


@every_system
def test_every_weight_learns(system: ModelConfig) -> None:
    """One step of training reaches every parameter, but for rows of words that do not occur."""
    model, source, mask, target = build(system)
    model.train()
    model(source, mask, target)[0].square().sum().backward()
    for parameter_name, parameter in model.named_parameters():
        if parameter_name != "output.bias" and "places" not in parameter_name:
            assert parameter.grad is not None, parameter_name
            assert parameter.grad.abs().max() > 0 or "coverage" in parameter_name, parameter_name


def look(options: dict[str, object], lengths: tuple[int, int] = (5, 2)) -> tuple[Attention, list[Tensor], list[Tensor]]:
    """An attention of 8 dimensions, with queries and memory; and the context and weights that it gives."""
    torch.manual_seed(0)
    attention = Attention(config(hidden_size=8, **options))
    if attention.coverage is not None:
        torch.nn.init.normal_(attention.coverage)
    query, memory, coverage = torch.randn(2, 3, 8), torch.randn(2, 5, 8), torch.rand(2, 3, 5)
    mask = sequence_mask(torch.tensor(lengths), 5)
    position = torch.arange(3).expand(2, 3)
    covering = coverage if attention.coverage is not None else None
    given = attention(query, *attention.project(memory, memory), mask, position, covering)
    return attention, [query, memory, coverage], list(given)


def by_hand(score: str, parts: dict[str, Tensor], s: Tensor, h: Tensor, place: int) -> Tensor:
    if score in ("dot", "scaled-dot"):
        return s @ h / (1 if score == "dot" else len(s) ** 0.5)
    if score.endswith("general"):
        return s @ (parts["score.projection.weight"] @ h) / (1 if score == "general" else len(s) ** 0.5)
    if score == "location":
        return parts["score.places.weight"][place] @ s
    joined = torch.cat([parts["score.query.weight"], parts["score.key.weight"]], 1) @ torch.cat([s, h])
    hidden = torch.tanh(joined + parts["score.key.bias"])
    if score == "mlp":
        hidden = torch.tanh(parts["score.second.weight"] @ hidden + parts["score.second.bias"])
    return parts["score.vector.weight"][0] @ hidden


@pytest.mark.parametrize("score", SCORES)
def test_attention_equals_loops_over_the_equations(score: str) -> None:
    attention, (query, memory, _), (context, weights) = look({"score": score})
    parts = dict(attention.named_parameters())
    for b, length in enumerate((5, 2)):
        for t in range(3):
            scores = torch.stack([by_hand(score, parts, query[b, t], memory[b, j], j) for j in range(length)])
            expected = scores.softmax(0)
            torch.testing.assert_close(weights[b, t, :length], expected)
            torch.testing.assert_close(context[b, t], (expected.unsqueeze(1) * memory[b, :length]).sum(0))


def test_each_head_looks_for_itself() -> None:
    attention, (query, memory, _), (context, weights) = look({"score": "scaled-dot", "heads": 2})
    for b, length in enumerate((5, 2)):
        for t in range(3):
            looked = []
            for head in (slice(0, 4), slice(4, 8)):
                asked = (attention.query.weight @ query[b, t])[head]
                keys = memory[b, :length] @ attention.key.weight.T
                looked.append((keys[:, head] @ asked / 2).softmax(0))
                torch.testing.assert_close(context[b, t, head], looked[-1] @ memory[b, :length, head])
            torch.testing.assert_close(weights[b, t, :length], sum(looked) / 2)


def test_a_monotonic_window_moves_with_the_target() -> None:
    _, _, (_, weights) = look({"local_attention": "monotonic", "local_window": 1})
    seen = (weights > 0).int().tolist()
    assert seen[0] == [[1, 1, 0, 0, 0], [1, 1, 1, 0, 0], [0, 1, 1, 1, 0]]
    assert seen[1] == [[1, 1, 0, 0, 0], [1, 1, 0, 0, 0], [1, 1, 0, 0, 0]]  # it stops at the end of the sentence


def test_a_predicted_window_has_a_gaussian() -> None:
    """Luong et al. 2015, eq. 9 and 10, renormalised."""
    attention, (query, memory, _), (_, weights) = look(
        {"score": "dot", "local_attention": "predictive", "local_window": 2}
    )
    assert attention.window is not None
    parts = dict(attention.window.named_parameters())
    for b, length in enumerate((5, 2)):
        for t in range(3):
            hidden = torch.tanh(parts["projection.weight"] @ query[b, t])
            place = length * torch.sigmoid(parts["vector.weight"][0] @ hidden)
            distance = torch.arange(length) - place
            expected = (memory[b, :length] @ query[b, t]).exp() * torch.exp(-(distance**2) / (2 * 1.0**2))
            expected[distance.abs() > 2] = 0
            torch.testing.assert_close(weights[b, t, :length], expected / expected.sum())


@pytest.mark.parametrize("heads", [1, 2])
def test_coverage_changes_the_keys(heads: int) -> None:
    attention, (query, memory, coverage), (_, weights) = look({"score": "dot", "coverage": True, "heads": heads})
    assert attention.coverage is not None
    keys, values = attention.project(memory, memory)
    for t in range(3):
        shifted = keys + coverage[:, t, None, :, None] * attention.coverage
        plain = Attention(config(hidden_size=8, score="dot", heads=heads))
        plain.load_state_dict({k: v for k, v in attention.state_dict().items() if k != "coverage"})
        _, expected = plain(query[:, t : t + 1], shifted, values, sequence_mask(torch.tensor((5, 2)), 5))
        torch.testing.assert_close(weights[:, t : t + 1], expected)


def test_coverage_is_what_was_looked_at() -> None:
    model, source, mask, target = build(config(coverage=True))
    memory = model.encode(source, mask)
    state, total = model.init_state(memory), torch.zeros(4, 1, 7)
    for t in range(3):
        _, state, weights = model.step(target[:, t : t + 1], state, memory)
        assert weights is not None
        total += weights
        torch.testing.assert_close(state.coverage, total)


@pytest.mark.parametrize(
    ("score", "weight", "expected"),
    [
        ("dot", None, 1 * 2 + 3 * -5),
        ("general", [[2.0, 0.0], [0.0, 0.5]], 1 * 2 * 2 + 3 * 0.5 * -5),  # each dimension weighed for itself
        ("general", [[2.0, 7.0], [-8.0, 0.5]], 4 - 7.5 + -8 * 3 * 2 + 7 * 1 * -5),  # and the terms across
    ],
)
def test_scores_of_the_tutorials(score: str, weight: list[list[float]] | None, expected: float) -> None:
    """Decoder state (1, 3), encoder state (2, -5)."""
    function = SCORES[score](2, 2)
    if weight is not None:
        function.projection.weight.data = torch.tensor(weight)
    keys = function.project_keys(torch.tensor([[[2.0, -5.0]]]))
    assert function(torch.tensor([[[1.0, 3.0]]]), keys).item() == pytest.approx(expected)


@pytest.mark.parametrize("length", [510, 512, 513, 600])
def test_location_scores_share_the_last_place_beyond_their_own(length: int) -> None:
    score = SCORES["location"](4, 4)
    found = score(torch.ones(1, 1, 4), torch.zeros(1, length, 4))
    assert found.shape == (1, 1, length)
    assert (found[..., 512:] == found[..., 511:512]).all()


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("reversed", [[5, 4, 3, 2], [3, 2, 0, 0], [2, 0, 0, 0]]),
        ("doubled", [[3, 4, 5, 3, 4, 5, 2], [3, 3, 2, 0, 0, 0, 0], [2, 0, 0, 0, 0, 0, 0]]),
        ("doubled-reversed", [[5, 4, 3, 5, 4, 3, 2], [3, 3, 2, 0, 0, 0, 0], [2, 0, 0, 0, 0, 0, 0]]),
    ],
)
def test_reading_orders_keep_the_end_last(order: str, expected: list[list[int]]) -> None:
    source = torch.tensor([[3, 4, 5, 2], [3, 2, 0, 0], [2, 0, 0, 0]])
    origin, mask = source_order_index(source != 0, order)
    assert source.gather(1, origin).masked_fill(~mask, 0).tolist() == expected


def test_attention_on_another_order_is_given_on_the_source() -> None:
    """A token read twice has the weight of both readings."""
    memory = Memory(None, None, torch.ones(1, 5), torch.zeros(1, 4), (), torch.tensor([[1, 0, 1, 0, 2]]), 3)
    weights = torch.tensor([[[0.1, 0.2, 0.3, 0.25, 0.15]]])
    torch.testing.assert_close(memory.to_source_positions(weights), torch.tensor([[[0.45, 0.4, 0.15]]]))


def test_states_are_handed_over_layer_by_layer() -> None:
    """Hidden and cell state of each layer are those of the library's own layers at the last real token."""
    system = config(attention="none", encoder_layers=2, bidirectional=False)
    model, source, mask, _ = build(system)
    state = model.init_state(model.encode(source, mask))
    reference = torch.nn.LSTM(12, 16, 2, batch_first=True)
    for depth, layer in enumerate(model.encoder.layers):
        for parameter, value in layer.cell.named_parameters():
            getattr(reference, parameter.replace("l0", f"l{depth}")).data.copy_(value)
    for row, length in enumerate(LENGTHS.tolist()):
        _, (hidden, cell) = reference(model.source_embedding(source[row : row + 1, :length]))
        for depth, (h, c) in enumerate(state.layers):
            torch.testing.assert_close(h[row], hidden[depth])
            torch.testing.assert_close(c[row], cell[depth])


@pytest.mark.parametrize("order", ["forward", "reversed", "doubled"])
@pytest.mark.parametrize("size", [12, 16])
def test_a_value_is_the_state_plus_the_embedding_of_its_own_token(order: str, size: int) -> None:
    """Widened where widths differ; read backwards or twice, too; neither keys nor the last state have any of it."""
    model, source, mask, _ = build(config(embedding_size=size, source_order=order))
    memory = model.encode(source, mask)
    model.encoder.embedded_values = False
    plain = model.encode(source, mask)
    assert memory.values is not None
    assert plain.values is not None
    read, real = source_order_index(mask, order)
    embedded = model.encoder.to_value(model.source_embedding(source.gather(1, read)))
    torch.testing.assert_close((memory.values - plain.values)[:, 0][real], embedded[real])
    torch.testing.assert_close((memory.keys, memory.final), (plain.keys, plain.final))


@pytest.mark.parametrize("attention", ["luong", "gnmt", "bahdanau", "none"])
@pytest.mark.parametrize(("first", "kept"), [(2, True), (3, False)])
def test_a_layer_that_gives_nothing_gives_what_is_below_it_where_residuals_begin(
    attention: str, first: int, kept: bool
) -> None:
    model, source, mask, target = build(
        config(attention=attention, encoder_layers=2, decoder_layers=2, residual_from=first, embedded_values=False)
    )
    silent = [model.encoder.layers[1], model.decoder.layers[1], getattr(model.decoder, "bridge", torch.nn.Identity())]
    for module in silent:
        for weights in module.parameters():
            weights.data.zero_()
    read_out: list[Tensor] = []
    model.decoder.readout.register_forward_hook(lambda _, given, __: read_out.append(given[0]))
    model(source, mask, target)
    states = model.encoder(model.source_embedding(source), mask).states[mask]
    assert bool(states.any()) == kept
    assert bool(read_out[0].any()) == kept


def test_a_repeated_vector_does_not_read_what_was_said() -> None:
    model, source, mask, target = build(config(attention="none-repeat"))
    readouts, weights = model(source, mask, target)
    assert weights is None
    torch.testing.assert_close(readouts, model(source, mask, target.flip(1))[0])


def test_maxout_takes_the_larger_of_each_pair() -> None:
    readout = READOUTS["maxout"](config(), 1)
    states, context, embedded = torch.randn(2, 3, 16), torch.randn(2, 3, 16), torch.randn(2, 3, 12)
    whole = readout.projection(torch.cat([states, embedded, context], -1))
    torch.testing.assert_close(readout(states, context, embedded), torch.maximum(whole[..., ::2], whole[..., 1::2]))


@pytest.mark.parametrize("options", [{"attention": "bahdanau"}, {"attention": "luong", "input_feeding": True}])
def test_dropout_holds_over_steps_too(options: dict[str, object]) -> None:
    """A step by step decoder whose input never changes would repeat itself if its state did not; its masks do."""
    model, source, mask, target = build(config(dropout=0.5, **options))
    model.train()
    drawn: list[Tensor] = []
    real = LockedDropout._draw

    def draw(self: LockedDropout, inputs: Tensor) -> Tensor:
        drawn.append(inputs)
        return real(self, inputs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LockedDropout, "_draw", draw)
        model(source, mask, target)
    embeddings, decoder = 2, 2  # a mask for source and target, and for each of the decoder's two uses
    assert len(drawn) == embeddings + decoder


def test_attention_distribution_gives_the_weighted_average() -> None:
    weights = torch.tensor([0.85, 0.08, 0.04, 0.03])
    values = torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 2.0], [-1.0, 3.0]])
    context, found = attend(weights.log().view(1, 1, 4), values.unsqueeze(0), torch.ones(1, 4, dtype=torch.bool))
    torch.testing.assert_close(found[0, 0], weights)
    torch.testing.assert_close(context[0, 0], torch.tensor([0.85 + 0.08 - 0.03, 0.08 + 0.08 + 0.09]))


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_bidirectional_equals_packed_sequences(cell: str) -> None:
    """Parity with the library's own bidirectional layer over packed sequences."""
    torch.manual_seed(0)
    layer = Bidirectional(cell, 6, 8)
    kind = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}[cell]
    reference = kind(6, 4, batch_first=True, bidirectional=True)
    for parameter, value in layer.forward_rnn.cell.named_parameters():
        getattr(reference, parameter).data.copy_(value)
    for parameter, value in layer.backward_rnn.cell.named_parameters():
        getattr(reference, parameter + "_reverse").data.copy_(value)
    inputs = torch.randn(4, 7, 6)
    packed = torch.nn.utils.rnn.pack_padded_sequence(inputs, LENGTHS, batch_first=True, enforce_sorted=False)
    expected, _ = torch.nn.utils.rnn.pad_packed_sequence(reference(packed)[0], batch_first=True)
    found, final = layer(inputs, LENGTHS)
    mask = sequence_mask(LENGTHS, 7).unsqueeze(-1)
    torch.testing.assert_close(found * mask, expected * mask)
    rows = torch.arange(4)
    torch.testing.assert_close(final, torch.cat([expected[rows, LENGTHS - 1, :4], expected[:, 0, 4:]], 1))
    gradients = [
        torch.autograd.grad((output * mask).square().sum(), [parameter])[0]
        for output, parameter in (
            (found, layer.backward_rnn.cell.weight_ih_l0),
            (expected, reference.weight_ih_l0_reverse),
        )
    ]
    torch.testing.assert_close(*gradients)


def test_recurrence_starts_at_zero() -> None:
    layer = RNNLayer("lstm", 4, 6)
    inputs = torch.randn(3, 5, 4)
    zeros = (torch.zeros(3, 1, 6), torch.zeros(3, 1, 6))
    torch.testing.assert_close(layer(inputs)[0], layer(inputs, zeros)[0])


@pytest.mark.parametrize(
    ("tied", "joint", "tables"), [("auto", True, 1), ("auto", False, 2), ("none", True, 3), ("decoder", True, 2)]
)
def test_tied_embeddings(tied: str, joint: bool, tables: int) -> None:
    model = Seq2Seq(config(tied_embeddings=tied), VocabSizes(50, 50, joint))
    weights = (model.source_embedding.weight, model.target_embedding.weight, model.output.weight)
    assert len({id(w) for w in weights}) == tables


def test_tying_all_needs_a_joint_vocabulary() -> None:
    with pytest.raises(ValueError, match="--vocabulary joint"):
        Seq2Seq(config(tied_embeddings="all"), VocabSizes(50, 40, False))


def test_dropout_acts_in_training_only_and_holds_over_time() -> None:
    model, source, mask, target = build(config(dropout=0.5, embedding_dropout=0.5))
    torch.testing.assert_close(model(source, mask, target)[0], model(source, mask, target)[0])
    model.train()
    assert not torch.equal(model(source, mask, target)[0], model(source, mask, target)[0])
    dropped = model.embedding_dropout(torch.ones(2, 5, 12))
    assert (dropped == dropped[:, :1]).all()
    assert 0 < (dropped == 0).sum() < dropped.numel()


@pytest.mark.parametrize("attention", ["gnmt", "luong", "bahdanau", "none"])
def test_reading_only_true_words_is_teacher_forcing(attention: str) -> None:
    model, source, mask, target = build(config(attention=attention, encoder_layers=2))
    forced, weights = model(source, mask, target)
    mixed, looked = model.forward_scheduled_sampling(source, mask, target, torch.ones_like(target, dtype=torch.bool))
    torch.testing.assert_close(mixed, forced, atol=1e-5, rtol=1e-5)
    if weights is not None:
        torch.testing.assert_close(looked, weights, atol=1e-5, rtol=1e-5)


def test_reading_its_own_words_is_greedy_search() -> None:
    """Where a word is not forced, the best one before it was read, as forward then shows."""
    model, source, mask, target = build(config())
    forced = torch.tensor([[True, False, True, False, False, True]]).expand(4, 6)
    mixed, _ = model.forward_scheduled_sampling(source, mask, target, forced)
    read = target.clone()
    for t in range(1, 6):
        if not forced[0, t]:
            read[:, t] = model.output(model(source, mask, read)[0][:, t - 1]).argmax(-1)
    torch.testing.assert_close(mixed, model(source, mask, read)[0], atol=1e-5, rtol=1e-5)
    assert not torch.equal(read, target)


def test_word_dropout_replaces_words_in_training_only() -> None:
    model, source, mask, target = build(config(word_dropout=0.9, embedding_dropout=0.0, dropout=0.0))
    calm = model(source, mask, target)[0]
    torch.testing.assert_close(calm, model(source, mask, target)[0])
    model.train()
    assert not torch.allclose(calm, model(source, mask, target)[0])


def test_the_tangent_of_search_is_that_of_learning() -> None:
    values = torch.cat([torch.linspace(-30, 30, 4001), torch.tensor([float("inf"), float("-inf"), 1e-9, -0.0])])
    found = fast_tanh_(values.clone())  # gradients are on: the library's
    assert torch.equal(found, torch.tanh(values))
    with torch.no_grad():
        torch.testing.assert_close(fast_tanh_(values.clone()), found, rtol=0, atol=3e-7)
        assert fast_tanh_(torch.tensor([float("nan")])).isnan()
        half = values.bfloat16()
        assert torch.equal(fast_tanh_(half), torch.tanh(half))
