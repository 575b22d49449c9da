"""The step function of search: one model, or an ensemble that averages probabilities."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import torch
from torch import Tensor, nn

from nmt_cli.kernels.int8 import Int8Linear
from nmt_cli.kernels.prepack import PackedLinear
from nmt_cli.model.decoder import DecoderState
from nmt_cli.model.encoder import Memory
from nmt_cli.model.seq2seq import Seq2Seq


@dataclass(frozen=True)
class ModelState:
    """The encoder output and the decoder state of each model."""

    memories: tuple[Memory, ...]
    decoders: tuple[DecoderState, ...]

    def select(self, beams: Tensor) -> "ModelState":
        """Reorder the hypotheses of each sentence; they share its encoder output."""
        return ModelState(self.memories, tuple(decoder.select(beams) for decoder in self.decoders))

    def select_batch(self, rows: Tensor) -> "ModelState":
        """Keep only these sentences."""
        return ModelState(
            tuple(memory.select_batch(rows) for memory in self.memories),
            tuple(decoder.select_batch(rows) for decoder in self.decoders),
        )


@dataclass(frozen=True)
class EnsembleStep:
    """`step(tokens, state)` as search calls it. An ensemble averages the probabilities of its models,
    p(y) = 1/n sum_i p_i(y), and the attention weights of those that have attention.

    With `candidates` (V,) the vocabulary is restricted to these target subwords, and tokens are indices into them."""

    models: Sequence[Seq2Seq]
    candidates: Tensor | None = None

    @cached_property
    def outputs(self) -> list[Callable[[Tensor], Tensor]]:
        """The output layer of each model, restricted to the candidates if there are any."""
        return [_restrict_vocabulary(model.output, self.candidates) for model in self.models]

    def init_state(self, source: Tensor, mask: Tensor) -> ModelState:
        """Encode the source (B, S) -> the state before the first token."""
        memories = tuple(model.encode(source, mask) for model in self.models)
        decoders = (model.init_state(memory) for model, memory in zip(self.models, memories, strict=True))
        return ModelState(memories, tuple(decoders))

    def __call__(self, tokens: Tensor, state: ModelState) -> tuple[Tensor, ModelState, Tensor | None]:
        """Last tokens (B, K) -> log-probabilities (B, K, V), the new state, attention weights (B, K, S) or None."""
        log_probs, decoders, attention = [], [], []
        subwords = tokens if self.candidates is None else self.candidates[tokens]
        for model, output, memory, decoder in zip(
            self.models, self.outputs, state.memories, state.decoders, strict=True
        ):
            logits, new_decoder, weights = model.step(subwords, decoder, memory, output)
            log_probs.append(logits.log_softmax(-1))
            decoders.append(new_decoder)
            if weights is not None:
                attention.append(weights)
        n = len(log_probs)
        mean = log_probs[0] if n == 1 else torch.stack(log_probs).logsumexp(0) - math.log(n)
        mean_attention = sum(attention[1:], start=attention[0]) / len(attention) if attention else None
        return mean, ModelState(state.memories, tuple(decoders)), mean_attention


def _restrict_vocabulary(output: nn.Module, candidates: Tensor | None) -> Callable[[Tensor], Tensor]:
    """The output layer restricted to `candidates`; the whole layer if there are none."""
    if candidates is None:
        return output
    if isinstance(output, Int8Linear):
        return output.rows(candidates)
    assert isinstance(output, nn.Linear | PackedLinear)
    assert output.bias is not None
    return partial(nn.functional.linear, weight=output.weight[candidates], bias=output.bias[candidates])
