"""The model as a step function."""

from dataclasses import dataclass, replace

from torch import Tensor

from nmt_cli.model.decoder import DecoderState
from nmt_cli.model.encoder import Memory
from nmt_cli.model.seq2seq import Seq2Seq


@dataclass(frozen=True)
class ModelState:
    """What was read and what was said: the encoder's memory and the decoder's state."""

    memory: Memory
    decoder: DecoderState

    def select(self, beams: Tensor) -> "ModelState":
        """Reorder the hypotheses of each sentence; the memory is theirs together."""
        return replace(self, decoder=self.decoder.select(beams))

    def keep(self, rows: Tensor) -> "ModelState":
        """Only these sentences go on."""
        return ModelState(self.memory.keep(rows), self.decoder.keep(rows))


@dataclass(frozen=True)
class ModelStep:
    """`step(tokens, state)` as search calls it."""

    model: Seq2Seq

    def start(self, source: Tensor, mask: Tensor, width: int) -> ModelState:
        """Read the source (B, S) and make ready for `width` hypotheses a sentence."""
        memory = self.model.encode(source, mask)
        return ModelState(memory, self.model.start(memory, width))

    def __call__(self, tokens: Tensor, state: ModelState) -> tuple[Tensor, ModelState, Tensor | None]:
        """Last tokens (B, K) -> log-probabilities (B, K, V), the state after, attention weights (B, K, S) or None."""
        logits, decoder, weights = self.model.step(tokens, state.decoder, state.memory)
        return logits.log_softmax(-1), ModelState(state.memory, decoder), weights
