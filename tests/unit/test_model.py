"""The model: every system gives the same outputs over time or step by step, in a padded batch or alone."""

import itertools
import subprocess
import sys
from collections.abc import Mapping

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


def test_the_test_systems_cover_every_pair_of_options() -> None:
    choices = [{(k, v) for k, v in system.model_dump().items()} for system in SYSTEMS]
    values = [(side, value) for side, values in SIDES.items() for value in values]
    values += [("attention", a) for a in DECODERS] + [("score", s) for s in SCORES]
    for first, second in itertools.combinations(values, 2):
        invalid = (second[0] == "score" and first[1] in ("none", "none-repeat")) or {first[1], second[1]} == {
            "none-repeat",
            "maxout",
        }
        if first[0] != second[0] and not invalid:
            assert any({first, second} <= system for system in choices), (first, second)


def build(system: ModelConfig) -> tuple[Seq2Seq, Tensor, Tensor, Tensor]:
    """A model in eval mode, and a padded batch: source, mask, target."""
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
        logits, state, step_weights = model.step(target[:, t : t + 1], state, memory)
        torch.testing.assert_close(logits, model.output(readouts[:, t : t + 1]), atol=1e-5, rtol=1e-5)
        if weights is None:
            assert step_weights is None
        else:
            torch.testing.assert_close(step_weights, weights[:, t : t + 1], atol=1e-5, rtol=1e-5)


@every_system
def test_padding_and_other_sentences_of_the_batch_change_nothing(system: ModelConfig) -> None:
    model, source, mask, target = build(system)
    batched, weights = model(source, mask, target)
    for row, length in enumerate(LENGTHS.tolist()):
        alone, weights_alone = model(
            source[row : row + 1, :length], mask[row : row + 1, :length], target[row : row + 1]
        )
        torch.testing.assert_close(alone[0], batched[row], atol=1e-5, rtol=1e-5)
        if weights is not None:
            torch.testing.assert_close(weights_alone[0], weights[row, :, :length], atol=1e-5, rtol=1e-5)
            assert (weights[row, :, length:] == 0).all(), "padding was attended to"
    if weights is not None:
        torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:2]))


@every_system
def test_hypotheses_of_a_beam_step_like_separate_sentences(system: ModelConfig) -> None:
    """Also after hypotheses are reordered and finished sentences are removed."""
    model, source, mask, target = build(system)
    memory = model.encode(source, mask)
    tokens = target[:, :3]
    _, state, _ = model.step(tokens, model.init_state(memory).select(torch.zeros_like(tokens)), memory)
    order = torch.tensor([[2, 0, 0]] * len(LENGTHS))
    remaining = torch.tensor([3, 0])
    logits, _, _ = model.step(
        tokens[remaining], state.select(order).select_batch(remaining), memory.select_batch(remaining)
    )
    for beam in range(3):
        _, alone, _ = model.step(tokens.gather(1, order)[:, beam : beam + 1], model.init_state(memory), memory)
        expected, _, _ = model.step(tokens[:, beam : beam + 1], alone, memory)
        torch.testing.assert_close(logits[:, beam : beam + 1], expected[remaining], atol=1e-5, rtol=1e-5)


@every_system
def test_every_parameter_gets_a_gradient(system: ModelConfig) -> None:
    """Except the output bias, which this loss leaves out, and location scores; that of coverage may be zero."""
    model, source, mask, target = build(system)
    model.train()
    model(source, mask, target)[0].square().sum().backward()
    for parameter_name, parameter in model.named_parameters():
        if parameter_name != "output.bias" and not (system.score == "location" and ".score." in parameter_name):
            assert parameter.grad is not None, parameter_name
            assert parameter.grad.abs().max() > 0 or "coverage" in parameter_name, parameter_name


def run_attention(
    options: dict[str, object], lengths: tuple[int, int] = (5, 2)
) -> tuple[Attention, list[Tensor], list[Tensor]]:
    """An attention of 8 dimensions; its query, memory and coverage; and the resulting context and weights."""
    torch.manual_seed(0)
    attention = Attention(config(hidden_size=8, **options))
    if attention.coverage is not None:
        torch.nn.init.normal_(attention.coverage)
    query, memory, coverage = torch.randn(2, 3, 8), torch.randn(2, 5, 8), torch.rand(2, 3, 5)
    mask = sequence_mask(torch.tensor(lengths), 5)
    position = torch.arange(3).expand(2, 3)
    outputs = attention(
        query,
        *attention.project(memory, memory),
        mask,
        position,
        coverage if attention.coverage is not None else None,
    )
    return attention, [query, memory, coverage], list(outputs)


def reference_score(score: str, parts: Mapping[str, Tensor], s: Tensor, h: Tensor, position: int) -> Tensor:
    """score(s, h_position) by its equation."""
    if score in ("dot", "scaled-dot"):
        return s @ h / (1 if score == "dot" else len(s) ** 0.5)
    if score.endswith("general"):
        return s @ (parts["score.projection.weight"] @ h) / (1 if score == "general" else len(s) ** 0.5)
    if score == "location":
        return parts["score.projection.weight"][position] @ s
    joined = torch.cat([parts["score.query.weight"], parts["score.key.weight"]], 1) @ torch.cat([s, h])
    hidden = torch.tanh(joined + parts["score.key.bias"])
    if score == "mlp":
        hidden = torch.tanh(parts["score.second.weight"] @ hidden + parts["score.second.bias"])
    return parts["score.vector.weight"][0] @ hidden


@pytest.mark.parametrize("score", SCORES)
def test_attention_equals_loops_over_the_equations(score: str) -> None:
    attention, (query, memory, _), (context, weights) = run_attention({"score": score})
    parts = dict(attention.named_parameters())
    for b, length in enumerate((5, 2)):
        for t in range(3):
            scores = torch.stack([reference_score(score, parts, query[b, t], memory[b, j], j) for j in range(length)])
            expected = scores.softmax(0)
            torch.testing.assert_close(weights[b, t, :length], expected)
            torch.testing.assert_close(context[b, t], (expected.unsqueeze(1) * memory[b, :length]).sum(0))


def test_each_head_attends_separately() -> None:
    attention, (query, memory, _), (context, weights) = run_attention({"score": "scaled-dot", "heads": 2})
    for b, length in enumerate((5, 2)):
        for t in range(3):
            head_weights = []
            for head in (slice(0, 4), slice(4, 8)):
                q = (attention.get_parameter("query.weight") @ query[b, t])[head]
                keys = memory[b, :length] @ attention.get_parameter("key.weight").T
                head_weights.append((keys[:, head] @ q / 2).softmax(0))
                torch.testing.assert_close(context[b, t, head], head_weights[-1] @ memory[b, :length, head])
            torch.testing.assert_close(weights[b, t, :length], torch.stack(head_weights).mean(0))


def test_a_monotonic_window_moves_with_the_target() -> None:
    _, _, (_, weights) = run_attention({"local_attention": "monotonic", "local_window": 1})
    in_window = (weights > 0).int().tolist()
    assert in_window[0] == [[1, 1, 0, 0, 0], [1, 1, 1, 0, 0], [0, 1, 1, 1, 0]]
    assert in_window[1] == [[1, 1, 0, 0, 0], [1, 1, 0, 0, 0], [1, 1, 0, 0, 0]]  # clamped to the end of the sentence


def test_a_predictive_window_multiplies_by_a_gaussian() -> None:
    """Luong et al. 2015, eq. 9 and 10, renormalised."""
    attention, (query, memory, _), (_, weights) = run_attention(
        {"score": "dot", "local_attention": "predictive", "local_window": 2}
    )
    assert attention.window is not None
    parts = dict(attention.window.named_parameters())
    for b, length in enumerate((5, 2)):
        for t in range(3):
            hidden = torch.tanh(parts["projection.weight"] @ query[b, t])
            center = length * torch.sigmoid(parts["vector.weight"][0] @ hidden)
            distance = torch.arange(length) - center
            expected = (memory[b, :length] @ query[b, t]).exp() * torch.exp(-(distance**2) / (2 * 1.0**2))
            expected[distance.abs() > 2] = 0
            torch.testing.assert_close(weights[b, t, :length], expected / expected.sum())


@pytest.mark.parametrize("heads", [1, 2])
def test_coverage_is_added_to_the_keys(heads: int) -> None:
    attention, (query, memory, coverage), (_, weights) = run_attention(
        {"score": "dot", "coverage": True, "heads": heads}
    )
    assert attention.coverage is not None
    keys, values = attention.project(memory, memory)
    for t in range(3):
        shifted = keys + coverage[:, t, None, :, None] * attention.coverage
        plain = Attention(config(hidden_size=8, score="dot", heads=heads))
        plain.load_state_dict({k: v for k, v in attention.state_dict().items() if k != "coverage"})
        _, expected = plain(query[:, t : t + 1], shifted, values, sequence_mask(torch.tensor((5, 2)), 5))
        torch.testing.assert_close(weights[:, t : t + 1], expected)


def test_coverage_is_the_sum_of_past_attention() -> None:
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
        ("general", [[2.0, 0.0], [0.0, 0.5]], 1 * 2 * 2 + 3 * 0.5 * -5),  # diagonal W
        ("general", [[2.0, 7.0], [-8.0, 0.5]], 4 - 7.5 + -8 * 3 * 2 + 7 * 1 * -5),  # and the off-diagonal terms
    ],
)
def test_dot_and_general_scores_equal_hand_computed_values(
    score: str, weight: list[list[float]] | None, expected: float
) -> None:
    """The tutorials' example: decoder state (1, 3), encoder state (2, -5)."""
    function = SCORES[score](2, 2)
    if weight is not None:
        function.get_parameter("projection.weight").data = torch.tensor(weight)
    keys = function.project_keys(torch.tensor([[[2.0, -5.0]]]))
    assert function(torch.tensor([[[1.0, 3.0]]]), keys).item() == pytest.approx(expected)


@pytest.mark.parametrize("length", [510, 512, 513, 600])
def test_location_scores_repeat_the_last_one_beyond_512_positions(length: int) -> None:
    score = SCORES["location"](4, 4)
    scores = score(torch.ones(1, 1, 4), torch.zeros(1, length, 4))
    assert scores.shape == (1, 1, length)
    assert (scores[..., 512:] == scores[..., 511:512]).all()


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("reversed", [[5, 4, 3, 2], [3, 2, 0, 0], [2, 0, 0, 0]]),
        ("doubled", [[3, 4, 5, 3, 4, 5, 2], [3, 3, 2, 0, 0, 0, 0], [2, 0, 0, 0, 0, 0, 0]]),
        ("doubled-reversed", [[5, 4, 3, 5, 4, 3, 2], [3, 3, 2, 0, 0, 0, 0], [2, 0, 0, 0, 0, 0, 0]]),
    ],
)
def test_source_orders_keep_eos_last(order: str, expected: list[list[int]]) -> None:
    source = torch.tensor([[3, 4, 5, 2], [3, 2, 0, 0], [2, 0, 0, 0]])
    index, mask = source_order_index(source != 0, order)
    assert source.gather(1, index).masked_fill(~mask, 0).tolist() == expected


def test_attention_on_a_doubled_source_is_summed_per_token() -> None:
    """A token that is encoded twice gets the weights of both positions."""
    memory = Memory(None, None, torch.ones(1, 5), torch.zeros(1, 4), (), torch.tensor([[1, 0, 1, 0, 2]]), 3)
    weights = torch.tensor([[[0.1, 0.2, 0.3, 0.25, 0.15]]])
    torch.testing.assert_close(memory.to_source_positions(weights), torch.tensor([[[0.45, 0.4, 0.15]]]))


def test_the_decoder_starts_from_the_encoder_states_of_each_layer() -> None:
    """Hidden and cell state of each layer equal those of `torch.nn.LSTM` at the last real token."""
    system = config(attention="none", encoder_layers=2, bidirectional=False)
    model, source, mask, _ = build(system)
    state = model.init_state(model.encode(source, mask))
    reference = torch.nn.LSTM(12, 16, 2, batch_first=True)
    for depth, layer in enumerate(model.encoder.layers):
        assert isinstance(layer, RNNLayer)
        for parameter, value in layer.cell.named_parameters():
            getattr(reference, parameter.replace("l0", f"l{depth}")).data.copy_(value)
    for row, length in enumerate(LENGTHS.tolist()):
        _, (hidden, cell) = reference(model.source_embedding(source[row : row + 1, :length]))
        for depth, (h, c) in enumerate(state.layers):
            torch.testing.assert_close(h[row], hidden[depth])
            torch.testing.assert_close(c[row], cell[depth])


@pytest.mark.parametrize("order", ["forward", "reversed", "doubled"])
@pytest.mark.parametrize("size", [12, 16])
def test_a_value_is_the_state_plus_the_embedding_of_its_token(order: str, size: int) -> None:
    """Projected where sizes differ, in every source order; keys and the final state are unchanged."""
    model, source, mask, _ = build(config(embedding_size=size, source_order=order))
    memory = model.encode(source, mask)
    model.encoder.embedded_values = False
    plain = model.encode(source, mask)
    assert memory.values is not None
    assert plain.values is not None
    index, order_mask = source_order_index(mask, order)
    embedded = model.encoder.to_value(model.source_embedding(source.gather(1, index)))
    torch.testing.assert_close((memory.values - plain.values)[:, 0][order_mask], embedded[order_mask])
    torch.testing.assert_close((memory.keys, memory.final), (plain.keys, plain.final))


@pytest.mark.parametrize("attention", ["luong", "gnmt", "bahdanau", "none"])
@pytest.mark.parametrize(("first", "residual"), [(2, True), (3, False)])
def test_a_zero_layer_passes_its_input_on_where_residuals_begin(attention: str, first: int, residual: bool) -> None:
    model, source, mask, target = build(
        config(attention=attention, encoder_layers=2, decoder_layers=2, residual_from=first, embedded_values=False)
    )
    zeroed = [model.encoder.layers[1], model.decoder.layers[1], getattr(model.decoder, "bridge", torch.nn.Identity())]
    for module in zeroed:
        for weights in module.parameters():
            weights.data.zero_()
    readout_inputs: list[Tensor] = []
    model.decoder.readout.register_forward_hook(lambda _, inputs, __: readout_inputs.append(inputs[0]))
    model(source, mask, target)
    states = model.encoder(model.source_embedding(source), mask).states[mask]
    assert bool(states.any()) == residual
    assert bool(readout_inputs[0].any()) == residual


def test_a_repeated_vector_decoder_ignores_the_target() -> None:
    model, source, mask, target = build(config(attention="none-repeat"))
    readouts, weights = model(source, mask, target)
    assert weights is None
    torch.testing.assert_close(readouts, model(source, mask, target.flip(1))[0])


def test_maxout_takes_the_larger_of_each_pair() -> None:
    readout = READOUTS["maxout"](config(), 1)
    states, context, embedded = torch.randn(2, 3, 16), torch.randn(2, 3, 16), torch.randn(2, 3, 12)
    projected = readout.projection(torch.cat([states, embedded, context], -1))
    torch.testing.assert_close(
        readout(states, context, embedded), torch.maximum(projected[..., ::2], projected[..., 1::2])
    )


@pytest.mark.parametrize("options", [{"attention": "bahdanau"}, {"attention": "luong", "input_feeding": True}])
def test_dropout_masks_are_drawn_once_for_all_steps(options: dict[str, object]) -> None:
    """A decoder that goes step by step reuses its masks, too."""
    model, source, mask, target = build(config(dropout=0.5, **options))
    model.train()
    drawn: list[Tensor] = []
    original = LockedDropout._draw_mask

    def draw(self: LockedDropout, inputs: Tensor) -> Tensor:
        drawn.append(inputs)
        return original(self, inputs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LockedDropout, "_draw_mask", draw)
        model(source, mask, target)
    embeddings, decoder = 2, 2  # one mask for source and target each, and for each of the decoder's two uses
    assert len(drawn) == embeddings + decoder


def test_the_context_is_the_weighted_sum_of_values() -> None:
    weights = torch.tensor([0.85, 0.08, 0.04, 0.03])
    values = torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 2.0], [-1.0, 3.0]])
    context, result = attend(weights.log().view(1, 1, 4), values.unsqueeze(0), torch.ones(1, 4, dtype=torch.bool))
    torch.testing.assert_close(result[0, 0], weights)
    torch.testing.assert_close(context[0, 0], torch.tensor([0.85 + 0.08 - 0.03, 0.08 + 0.08 + 0.09]))


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_a_bidirectional_layer_equals_that_of_torch_over_packed_sequences(cell: str) -> None:
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
    outputs, final = layer(inputs, LENGTHS)
    mask = sequence_mask(LENGTHS, 7).unsqueeze(-1)
    torch.testing.assert_close(outputs * mask, expected * mask)
    rows = torch.arange(4)
    torch.testing.assert_close(final, torch.cat([expected[rows, LENGTHS - 1, :4], expected[:, 0, 4:]], 1))
    gradients = [
        torch.autograd.grad((states * mask).square().sum(), [parameter])[0]
        for states, parameter in (
            (outputs, layer.backward_rnn.cell.weight_ih_l0),
            (expected, reference.weight_ih_l0_reverse),
        )
    ]
    torch.testing.assert_close(*gradients)


def test_a_recurrence_without_a_state_starts_at_zero() -> None:
    layer = RNNLayer("lstm", 4, 6)
    inputs = torch.randn(3, 5, 4)
    zeros = (torch.zeros(3, 1, 6), torch.zeros(3, 1, 6))
    torch.testing.assert_close(layer(inputs)[0], layer(inputs, zeros)[0])


@pytest.mark.parametrize(
    ("tied", "joint", "tables"), [("auto", True, 1), ("auto", False, 2), ("none", True, 3), ("decoder", True, 2)]
)
def test_tied_embeddings_share_weights(tied: str, joint: bool, tables: int) -> None:
    model = Seq2Seq(config(tied_embeddings=tied), VocabSizes(50, 50, joint))
    weights = (model.source_embedding.weight, model.target_embedding.weight, model.output.weight)
    assert len({id(w) for w in weights}) == tables


def test_tying_all_embeddings_needs_a_joint_vocabulary() -> None:
    with pytest.raises(ValueError, match="vocabulary joint"):
        Seq2Seq(config(tied_embeddings="all"), VocabSizes(50, 40, False))


def test_dropout_acts_only_in_training_with_one_mask_over_time() -> None:
    model, source, mask, target = build(config(dropout=0.5, embedding_dropout=0.5))
    torch.testing.assert_close(model(source, mask, target)[0], model(source, mask, target)[0])
    model.train()
    assert not torch.equal(model(source, mask, target)[0], model(source, mask, target)[0])
    dropped = model.embedding_dropout(torch.ones(2, 5, 12))
    assert (dropped == dropped[:, :1]).all()
    assert 0 < (dropped == 0).sum() < dropped.numel()


@pytest.mark.parametrize("attention", ["gnmt", "luong", "bahdanau", "none"])
def test_scheduled_sampling_of_gold_tokens_only_equals_teacher_forcing(attention: str) -> None:
    model, source, mask, target = build(config(attention=attention, encoder_layers=2))
    forced, weights = model(source, mask, target)
    mixed, mixed_weights = model.forward_scheduled_sampling(
        source, mask, target, torch.ones_like(target, dtype=torch.bool)
    )
    torch.testing.assert_close(mixed, forced, atol=1e-5, rtol=1e-5)
    if weights is not None:
        torch.testing.assert_close(mixed_weights, weights, atol=1e-5, rtol=1e-5)


def test_scheduled_sampling_of_own_tokens_equals_greedy_search() -> None:
    """Where the gold token is not forced, the input is the argmax of the step before."""
    model, source, mask, target = build(config())
    forced = torch.tensor([[True, False, True, False, False, True]]).expand(4, 6)
    mixed, _ = model.forward_scheduled_sampling(source, mask, target, forced)
    inputs = target.clone()
    for t in range(1, 6):
        if not forced[0, t]:
            inputs[:, t] = model.output(model(source, mask, inputs)[0][:, t - 1]).argmax(-1)
    torch.testing.assert_close(mixed, model(source, mask, inputs)[0], atol=1e-5, rtol=1e-5)
    assert not torch.equal(inputs, target)


def test_word_dropout_acts_only_in_training() -> None:
    model, source, mask, target = build(config(word_dropout=0.9, embedding_dropout=0.0, dropout=0.0))
    undropped = model(source, mask, target)[0]
    torch.testing.assert_close(undropped, model(source, mask, target)[0])
    model.train()
    assert not torch.allclose(undropped, model(source, mask, target)[0])


def test_fast_tanh_equals_tanh() -> None:
    values = torch.cat([torch.linspace(-30, 30, 4001), torch.tensor([float("inf"), float("-inf"), 1e-9, -0.0])])
    expected = fast_tanh_(values.clone())  # with gradients enabled it is torch.tanh
    assert torch.equal(expected, torch.tanh(values))
    with torch.no_grad():
        torch.testing.assert_close(fast_tanh_(values.clone()), expected, rtol=0, atol=3e-7)
        assert fast_tanh_(torch.tensor([float("nan")])).isnan()
        half = values.bfloat16()
        assert torch.equal(fast_tanh_(half), torch.tanh(half))


def test_building_without_weights_does_not_import_the_torch_compiler() -> None:
    """On the meta device torch initialises some weights by code that imports it: 0.7 s before the first translation."""
    program = """
import sys
from nmt_cli.config import TrainConfig
from nmt_cli.model.initialization import without_weights
from nmt_cli.model.seq2seq import Seq2Seq, VocabSizes
from nmt_cli.presets import PRESETS
from nmt_cli.settings import resolve

for name, preset in {"default": {}, **PRESETS}.items():
    model = resolve(TrainConfig, [(name, {**preset, "embedding_size": 8, "hidden_size": 8})]).model
    without_weights(lambda: Seq2Seq(model, VocabSizes(9, 9, True)))
print("torch._dynamo" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
