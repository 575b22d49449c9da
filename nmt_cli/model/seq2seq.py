"""The whole model: source tokens -> logits over target tokens."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nmt_cli.config import ModelConfig
from nmt_cli.kernels.deferred_grad import deferred_gradients
from nmt_cli.model.decoder import DECODERS, DecoderState
from nmt_cli.model.dropout import LockedDropout
from nmt_cli.model.encoder import Encoder, EncoderOutput, Memory
from nmt_cli.model.initialization import init_embedding_
from nmt_cli.special_tokens import PAD, UNK


@dataclass(frozen=True)
class VocabSizes:
    """Vocabulary size of each side, and whether both share one vocabulary."""

    source: int
    target: int
    joint: bool


def sequence_mask(lengths: Tensor, width: int) -> Tensor:
    """Lengths (B,) -> mask (B, width), True on real tokens."""
    return torch.arange(width, device=lengths.device) < lengths.unsqueeze(1)


def source_order_index(mask: Tensor, order: str) -> tuple[Tensor, Tensor]:
    """Mask (B, S) -> for each of the S' encoder steps, the index of the source token to encode (B, S'), and the mask of
    the steps (B, S'). EOS stays last. Reversed: Sutskever et al. 2014, section 3.3; doubled: Zaremba and Sutskever
    2014."""
    words = mask.sum(1, keepdim=True) - 1  # (B, 1), without EOS
    copies = 2 if order.startswith("doubled") else 1
    steps = torch.arange(copies * (mask.size(1) - 1) + 1, device=mask.device)  # (S',)
    word = steps % words.clamp_min(1)  # (B, S')
    if order.endswith("reversed"):
        word = words - 1 - word
    return torch.where(steps < copies * words, word, words), steps <= copies * words


class Seq2Seq(nn.Module):
    """Encoder-decoder with attention: for search `encode` once, then call `step`; for training call `forward`.

    Raises ValueError if all embeddings are to be tied and the vocabulary is not joint.
    """

    def __init__(self, config: ModelConfig, vocab_sizes: VocabSizes) -> None:
        super().__init__()
        self.config = config
        tied = config.tied_embeddings
        if tied == "auto":
            tied = "all" if vocab_sizes.joint else "decoder"
        if tied == "all" and not vocab_sizes.joint:
            raise ValueError("tied_embeddings all needs a joint vocabulary; run preprocess with vocabulary joint")
        size = config.embedding_size
        self.source_embedding = nn.Embedding(vocab_sizes.source, size, padding_idx=PAD)
        self.target_embedding = (
            self.source_embedding if tied == "all" else nn.Embedding(vocab_sizes.target, size, padding_idx=PAD)
        )
        self.embedding_dropout = LockedDropout(config.embedding_dropout)
        self.encoder = Encoder(config)
        self.decoder = DECODERS[config.attention](config)
        self.output = nn.Linear(size, vocab_sizes.target)
        for embedding in (self.source_embedding, self.target_embedding):
            init_embedding_(embedding)
        if tied != "none":
            self.output.weight = self.target_embedding.weight
        nn.init.zeros_(self.output.bias)

    @property
    def num_parameters(self) -> int:
        """Number of parameters, with tied ones counted once."""
        return sum(parameter.numel() for parameter in self.parameters())

    def encode(self, source: Tensor, mask: Tensor) -> Memory:
        """Source tokens (B, S) and their mask (B, S) -> memory, with keys projected once for all steps."""
        source_positions, width = None, source.size(1)
        if self.config.source_order != "forward":
            source_positions, mask = source_order_index(mask, self.config.source_order)
            source = source.gather(1, source_positions).masked_fill(~mask, PAD)
        encoded: EncoderOutput = self.encoder(self._embed(self.source_embedding, source), mask)
        attention = self.decoder.attention
        keys, values = attention.project(encoded.states, encoded.values) if attention is not None else (None, None)
        return Memory(keys, values, mask, encoded.final, encoded.layers, source_positions, width)

    def forward(self, source: Tensor, mask: Tensor, target: Tensor) -> tuple[Tensor, Tensor | None]:
        """Teacher forcing: readouts (B, T, E), which predict the token after each of `target` (B, T), and attention
        weights (B, T, S), None without attention.

        The caller applies `output`, readouts -> logits (..., V), as it may need only the real tokens.
        """
        return self.decode(target, self.encode(source, mask))

    def decode(self, target: Tensor, memory: Memory) -> tuple[Tensor, Tensor | None]:
        """What `forward` returns, from the encoded source."""
        readouts, weights = self.decoder(self._embed(self.target_embedding, target), memory)
        return readouts, memory.to_source_positions(weights)

    def forward_scheduled_sampling(
        self, source: Tensor, mask: Tensor, target: Tensor, forced: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Scheduled sampling (Bengio et al. 2015, section 2.4): at each step, the decoder's input is the gold previous
        token where `forced` (B, T) is True, else its own best prediction. The first input is always BOS."""
        memory = self.encode(source, mask)
        state = self.decoder.init_state(memory)
        token = target[:, :1]
        steps: list[Tensor] = []
        attention = []
        with (
            deferred_gradients(),
            self.embedding_dropout.held() as next_embedding,
            self.decoder.dropout.held() as next_step,
        ):
            for t in range(target.size(1)):
                if t:
                    with torch.no_grad():
                        predicted = self.output(steps[-1]).argmax(-1)  # (B, 1)
                    token = torch.where(forced[:, t : t + 1], target[:, t : t + 1], predicted)
                next_embedding()
                next_step()
                readouts, state, weights = self.decoder.step(self._embed(self.target_embedding, token), state, memory)
                steps.append(readouts)
                attention.append(weights)
        step_weights = [weights for weights in attention if weights is not None]
        return torch.cat(steps, 1), memory.to_source_positions(torch.cat(step_weights, 1)) if step_weights else None

    def init_state(self, memory: Memory) -> DecoderState:
        """The decoder's state before the first token, with one hypothesis per sentence."""
        return self.decoder.init_state(memory)

    def step(
        self, tokens: Tensor, state: DecoderState, memory: Memory, output: Callable[[Tensor], Tensor] | None = None
    ) -> tuple[Tensor, DecoderState, Tensor | None]:
        """Previous tokens (B, K) -> logits (B, K, V) in float32, the next state, and attention weights (B, K, S), None
        without attention. `output` replaces the output layer, to compute only some of the logits."""
        readouts, state, weights = self.decoder.step(self._embed(self.target_embedding, tokens), state, memory)
        logits = self.output(readouts) if output is None else output(readouts)
        return logits.float(), state, memory.to_source_positions(weights)

    def _embed(self, table: nn.Embedding, tokens: Tensor) -> Tensor:
        if self.training and self.config.word_dropout:
            dropped = torch.rand(tokens.shape, device=tokens.device) < self.config.word_dropout
            tokens = tokens.masked_fill(dropped & (tokens != PAD), UNK)
        embedded: Tensor = self.embedding_dropout(table(tokens))
        return embedded
