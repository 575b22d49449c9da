"""Log-probabilities of given translations, by the same text pipeline as translating."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch

from nmt_cli.checkpoint.model_dir import LoadedModel
from nmt_cli.corpus.normalization import is_blank
from nmt_cli.corpus.tokenizer import Tokenizer
from nmt_cli.decoding.forced_decoding import forced_log_probs
from nmt_cli.decoding.search import default_max_length
from nmt_cli.decoding.source_tag import source_tag
from nmt_cli.decoding.translator import USUAL_LENGTH


@dataclass(frozen=True)
class PairScore:
    """The score of a pair.

    source_subwords, target_subwords: without EOS.
    log_prob: natural logarithm of the probability of the target subwords and EOS; None if the pair has no score.
    issue: why it has none: one side has no visible character, or is too long for the model.
    """

    source_subwords: int
    target_subwords: int
    log_prob: float | None = None
    issue: Literal["blank", "too long"] | None = None

    @property
    def per_subword(self) -> float | None:
        """log_prob divided by the number of target subwords, EOS included."""
        return None if self.log_prob is None else self.log_prob / (self.target_subwords + 1)


def score_pairs(
    loaded: LoadedModel, pairs: Sequence[tuple[str, str]], batch_size: int, tag: str | None = None
) -> list[PairScore]:
    """The score of each pair of source and target text, in batches of `batch_size` pairs of usual length. A tag stands
    before every source.

    A source may have as many subwords as the model's limit, a target as many as search generates at most for such a
    source; longer ones, like blank ones, have no score.
    """
    source_ids = _encode(loaded.tokenizers.source, [source for source, _ in pairs])
    target_ids = _encode(loaded.tokenizers.target, [target for _, target in pairs])
    longest_source = loaded.manifest.max_source_length
    longest_target = default_max_length(longest_source + 1)
    scores: list[PairScore] = []
    scored = []
    for source, target in zip(source_ids, target_ids, strict=True):
        if not source or not target:
            scores.append(PairScore(len(source), len(target), issue="blank"))
        elif len(source) > longest_source or len(target) > longest_target:
            scores.append(PairScore(len(source), len(target), issue="too long"))
        else:
            scored.append(len(scores))
            scores.append(PairScore(len(source), len(target)))
    before = source_tag(loaded, tag)
    ids = [([*before, *source_ids[row]], target_ids[row]) for row in scored]
    for row, log_probs in zip(scored, forced_log_probs(loaded, ids, batch_size * USUAL_LENGTH), strict=True):
        scores[row] = replace(scores[row], log_prob=math.fsum(log_probs))
    return scores


def _encode(tokenizer: Tokenizer, texts: list[str]) -> list[list[int]]:
    return tokenizer.encode_many(["" if is_blank(text) else text for text in texts], threads=torch.get_num_threads())
