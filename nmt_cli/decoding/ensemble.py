"""One model, or several whose probabilities are averaged, as a step function."""

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
    """What was read and what was said, for each model: its encoder's memory and its decoder's state."""

    memories: tuple[Memory, ...]
    decoders: tuple[DecoderState, ...]

    def select(self, beams: Tensor) -> "ModelState":
        """Reorder the hypotheses of each sentence; the memory is theirs together."""
        return ModelState(self.memories, tuple(decoder.select(beams) for decoder in self.decoders))

    def select_batch(self, rows: Tensor) -> "ModelState":
        """Only these sentences go on."""
        return ModelState(
            tuple(memory.select_batch(rows) for memory in self.memories),
            tuple(decoder.select_batch(rows) for decoder in self.decoders),
        )


@dataclass(frozen=True)
class EnsembleStep:
    """`step(tokens, state)` as search calls it. An ensemble says what its models say on average:
    p(y) = 1/n sum_i p_i(y), and looks where those of them that have attention look on average.

    With `candidates` (V,) only these target subwords are there, and tokens are numbers among them."""

    models: Sequence[Seq2Seq]
    candidates: Tensor | None = None

    @cached_property
    def outputs(self) -> list[Callable[[Tensor], Tensor]]:
        """The models' output layers."""
        return [_restrict_vocabulary(model.output, self.candidates) for model in self.models]

    def init_state(self, source: Tensor, mask: Tensor) -> ModelState:
        """Read the source (B, S) and make ready for the first token."""
        memories = tuple(model.encode(source, mask) for model in self.models)
        decoders = (model.init_state(memory) for model, memory in zip(self.models, memories, strict=True))
        return ModelState(memories, tuple(decoders))

    def __call__(self, tokens: Tensor, state: ModelState) -> tuple[Tensor, ModelState, Tensor | None]:
        """Last tokens (B, K) -> log-probabilities (B, K, V), the state after, attention weights (B, K, S) or None."""
        said, decoders, looked = [], [], []
        words = tokens if self.candidates is None else self.candidates[tokens]
        for model, output, memory, before in zip(
            self.models, self.outputs, state.memories, state.decoders, strict=True
        ):
            logits, after, weights = model.step(words, before, memory, output)
            said.append(logits.log_softmax(-1))
            decoders.append(after)
            if weights is not None:
                looked.append(weights)
        log_probs = said[0] if len(said) == 1 else torch.stack(said).logsumexp(0) - math.log(len(said))
        mean = sum(looked[1:], start=looked[0]) / len(looked) if looked else None
        return log_probs, ModelState(state.memories, tuple(decoders)), mean


def _restrict_vocabulary(output: nn.Module, candidates: Tensor | None) -> Callable[[Tensor], Tensor]:
    """The output layer for some subwords only."""
    if candidates is None:
        return output
    if isinstance(output, Int8Linear):
        return output.rows(candidates)
    assert isinstance(output, nn.Linear | PackedLinear)
    assert output.bias is not None
    return partial(nn.functional.linear, weight=output.weight[candidates], bias=output.bias[candidates])
