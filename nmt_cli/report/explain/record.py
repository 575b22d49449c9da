"""Records what a model computes while it translates one sentence, step by step."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from nmt_cli.checkpoint.model_dir import LoadedModel
from nmt_cli.config import ModelConfig, SearchConfig
from nmt_cli.corpus.tokenizer import Tokenizers
from nmt_cli.decoding.capitals import Case, in_usual_case
from nmt_cli.decoding.ensemble import EnsembleStep
from nmt_cli.decoding.search import SearchInput, search
from nmt_cli.decoding.source_tag import source_tag
from nmt_cli.errors import ConfigError
from nmt_cli.model.decoder import Decoder
from nmt_cli.model.seq2seq import sequence_mask
from nmt_cli.report.attention_map import AttentionMap, Subwords
from nmt_cli.special_tokens import BOS, EOS

Vector = npt.NDArray[np.float32]

END = "</s>"


@dataclass(frozen=True)
class AttentionRecord:
    """Attention at one step: the query (H,), scores and weights of the source tokens (S,), and the context (H,).

    Scores are those of the score function, before window and softmax; with several heads, scores and weights are means
    over the heads.
    """

    query: Vector
    scores: Vector
    weights: Vector
    context: Vector


@dataclass(frozen=True)
class Step:
    """One output token: attention (None without it), the decoder's state (H,), the readout (E,) computed from both, and
    the most probable next tokens with their probabilities, best first."""

    token: str
    probability: float
    attention: AttentionRecord | None
    state: Vector
    readout: Vector
    best: list[tuple[str, float]]


@dataclass(frozen=True)
class Explanation:
    """A sentence and its translation, with the languages of both. `text` is the sentence as it was encoded: one in
    capitals or title case (`case`) in its usual case. `attention` is that between the words (None without attention),
    `source` are the tokens in the order in which they were encoded, `values` (S, H) the attention values
    (None without attention), `final` (H,) the encoder's final state."""

    config: ModelConfig
    languages: tuple[str, str]
    text: str
    case: Case | None
    translation: str
    attention: AttentionMap | None
    source: list[str]
    values: Vector | None
    final: Vector
    steps: list[Step]


@torch.inference_mode()
def explain(
    loaded: LoadedModel,
    text: str,
    beam_size: int,
    candidates: int,
    forced: str | None = None,
    tag: str | None = None,
) -> Explanation:
    """Translate a sentence, with the tag of this name if there is one, or force the translation `forced`, and record
    every step.

    Raises ConfigError if the sentence is empty, or longer than the model encodes in one piece, or if the model does not
    have the tag.
    """
    tag_ids = source_tag(loaded, tag)
    language = loaded.manifest.source
    text, case = in_usual_case(text, loaded.tokenizers.source, language)
    ids = _encode(loaded, text)
    tagged = [*tag_ids, *ids, EOS]
    source = torch.tensor([tagged], device=loaded.compute.device)
    target = loaded.tokenizers.target
    tokens = _search(loaded, source, beam_size) if forced is None else target.encode(forced)
    memory = loaded.model.encode(source, _mask(source))
    encoded = (
        tagged
        if memory.source_positions is None
        else [tagged[position] for position in memory.source_positions[0].tolist()]
    )
    state = loaded.model.init_state(memory)
    steps, rows = [], []
    with _recording(loaded.model.decoder) as record:
        for previous, token in zip([BOS, *tokens], [*tokens, EOS], strict=True):
            logits, state, weights = loaded.model.step(torch.tensor([[previous]], device=source.device), state, memory)
            rows += [] if weights is None else [_array(weights[0, 0, len(tag_ids) :])]
            steps.append(_step(loaded, record, logits[0, 0].softmax(-1), token, candidates))
    pieces = loaded.tokenizers.source.pieces(encoded)
    names = {EOS: END, **dict.fromkeys(tag_ids, f"<{tag}>")}
    return Explanation(
        config=loaded.config.model,
        languages=(language, loaded.manifest.target),
        text=text,
        case=case,
        translation=target.decode(tokens),
        attention=_between_words(loaded.tokenizers, text, ids, tokens, rows) if rows else None,
        source=[names.get(token, piece) for token, piece in zip(encoded, pieces, strict=True)],
        values=None if memory.values is None else _array(memory.values[0].transpose(0, 1).flatten(1)),
        final=_array(memory.final[0]),
        steps=steps,
    )


def _encode(loaded: LoadedModel, text: str) -> list[int]:
    """The subwords of a sentence. Raises ConfigError if there are none, or too many for the model."""
    ids = loaded.tokenizers.source.encode(text)
    if not ids:
        raise ConfigError("the sentence is empty; pass one in quotes")
    if len(ids) > (longest := loaded.manifest.max_source_length):
        raise ConfigError(
            f"the sentence has {len(ids)} subwords, more than the {longest} that {loaded.path} encodes in one piece; "
            "pass a shorter one"
        )
    return ids


def _search(loaded: LoadedModel, source: Tensor, beam_size: int) -> list[int]:
    """The best translation of one source (1, S)."""
    step = EnsembleStep(loaded.models)
    search_input = SearchInput(_lengths(source), forbidden=loaded.tokenizers.target.tags)
    results = search(step, step.init_state(source, _mask(source)), search_input, SearchConfig(beam_size=beam_size))
    return results[0][0].tokens


def _lengths(source: Tensor) -> Tensor:
    return torch.tensor([source.size(1)], device=source.device)


def _mask(source: Tensor) -> Tensor:
    return sequence_mask(_lengths(source), source.size(1))


def _between_words(
    tokenizers: Tokenizers, text: str, ids: list[int], tokens: Sequence[int], rows: list[Vector]
) -> AttentionMap:
    """The attention between words, from that of each target token (and the end of the sentence) on the source."""
    source, target = tokenizers.source, tokenizers.target
    subwords = Subwords(source.pieces(ids), target.pieces(tokens), np.stack(rows))
    words = source.words(ids), target.words(tokens)
    return AttentionMap.from_subwords(subwords, words, (text, target.decode(tokens)), None)


@dataclass
class LastCalls:
    """Inputs and outputs of the last call of score, attention and readout."""

    scores: Tensor | None = None
    attention: tuple[Tensor, Tensor, Tensor] | None = None
    """Query, context, weights."""
    readout: tuple[Tensor, Tensor] | None = None
    """State, readout."""


@contextmanager
def _recording(decoder: Decoder) -> Iterator[LastCalls]:
    """Record the calls of score, attention and readout by forward hooks, so that the model needs no code for it."""
    record = LastCalls()

    def record_readout(_: nn.Module, inputs: Sequence[Any], result: Tensor) -> None:
        record.readout = (inputs[0], result)

    def record_attention(_: nn.Module, inputs: Sequence[Any], result: tuple[Tensor, Tensor]) -> None:
        record.attention = (inputs[0], *result)

    def record_scores(_: nn.Module, inputs: Sequence[Any], result: Tensor) -> None:
        record.scores = result

    hooks = [decoder.readout.register_forward_hook(record_readout)]
    if decoder.attention is not None:
        hooks.append(decoder.attention.register_forward_hook(record_attention))
        hooks.append(decoder.attention.score.register_forward_hook(record_scores))
    try:
        yield record
    finally:
        for hook in hooks:
            hook.remove()


def _step(loaded: LoadedModel, record: LastCalls, probabilities: Tensor, token: int, candidates: int) -> Step:
    attention = None
    if record.attention is not None:
        assert record.scores is not None, "attention scores"
        query, context, weights = (part[0, 0] for part in record.attention)
        attention = AttentionRecord(*map(_array, (query, record.scores[:, 0].mean(0), weights, context)))
    assert record.readout is not None, "the readout runs at every step"
    state, readout = record.readout
    best = probabilities.topk(min(candidates, len(probabilities)))
    pieces = [END if index == EOS else _piece(loaded, index) for index in best.indices.tolist()]
    return Step(
        token=END if token == EOS else _piece(loaded, token),
        probability=float(probabilities[token]),
        attention=attention,
        state=_array(state[0, 0]),
        readout=_array(readout[0, 0]),
        best=list(zip(pieces, best.values.tolist(), strict=True)),
    )


def _piece(loaded: LoadedModel, token: int) -> str:
    return loaded.tokenizers.target.pieces([token])[0]


def _array(tensor: Tensor) -> Vector:
    array: Vector = tensor.float().cpu().numpy()
    return array
