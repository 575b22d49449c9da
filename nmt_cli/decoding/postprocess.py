"""From what search found for the parts of a line to the translation of the line."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from nmt_cli.config import SearchConfig
from nmt_cli.corpus.tokenizer import Tokenizers
from nmt_cli.decoding.hypothesis import Hypothesis, length_penalty
from nmt_cli.decoding.repetition import find_loop
from nmt_cli.decoding.text_stream import Line
from nmt_cli.decoding.translation import Candidate, Issue, Translation, blank

UNSPACED = ("zh", "ja", "yue", "wuu", "lzh")
"""Languages that put no space between sentences."""

RATIO, SLACK = 2.5, 5
"""A translation is odd whose longer side has more than RATIO times the subwords of the other and SLACK more."""


@dataclass(frozen=True)
class EncodedSegment:
    """What is searched for in one piece: source subwords, and how the translation must begin.

    `within_word`: it begins inside a word that the part before began.
    """

    source: tuple[int, ...]
    prefix: tuple[int, ...] = ()
    within_word: bool = False


@dataclass(frozen=True)
class Assembler:
    """Turns hypotheses into translations. `target` is the language code."""

    tokenizers: Tokenizers
    target: str
    search: SearchConfig

    def assemble(
        self, line: Line, parts: Sequence[EncodedSegment], found: Sequence[Sequence[Hypothesis]]
    ) -> Translation:
        """The translation of a line that was searched for in these parts; a line of no parts is blank."""
        if not parts:
            return Translation(line, [blank(line)], [], [], self._issues(line, [Issue("blank")]))
        candidates: dict[str, Candidate] = {}
        for n in range(max(len(hypotheses) for hypotheses in found)):
            candidate = self._candidate(parts, [hypotheses[min(n, len(hypotheses) - 1)] for hypotheses in found])
            candidates.setdefault(candidate.text, candidate)  # other subwords, same text: once is enough
        source_ids = [i for part in parts for i in part.source]
        source = self.tokenizers.source
        words = _consecutive([source.words(part.source) for part in parts], [part.within_word for part in parts])
        best = [hypotheses[0] for hypotheses in found]
        issues = self._issues(line, self._troubles(parts, best, list(candidates.values())))
        return Translation(line, list(candidates.values()), source.pieces(source_ids), words, issues)

    def _candidate(self, parts: Sequence[EncodedSegment], picked: Sequence[Hypothesis]) -> Candidate:
        tokenizer = self.tokenizers.target
        spaced = self.target.split("-")[0].split("_")[0].lower() not in UNSPACED
        texts = tokenizer.decode_many(hypothesis.tokens for hypothesis in picked)
        predicted = [value for hypothesis in picked for value in hypothesis.token_log_probs]
        log_prob = sum(hypothesis.log_prob for hypothesis in picked)
        words = [tokenizer.words(hypothesis.tokens) for hypothesis in picked]
        return Candidate(
            text=(" " if spaced else "").join(text for text in texts if text),
            score=picked[0].score if len(picked) == 1 else self._joint_score(log_prob, len(predicted)),
            confidence=math.exp(log_prob / len(predicted)) if predicted else 0.0,
            tokens=[piece for hypothesis in picked for piece in tokenizer.pieces(hypothesis.tokens)],
            probabilities=[
                math.exp(value)
                for hypothesis in picked
                for value in hypothesis.token_log_probs[: len(hypothesis.tokens)]
            ],
            words=_consecutive(words, [not spaced] * len(words)),
            attention=_block_diagonal(
                [  # what fell on the end of sentence, which is no subword of the line, is left out
                    None if hypothesis.attention is None else hypothesis.attention[:, : len(part.source)]
                    for part, hypothesis in zip(parts, picked, strict=True)
                ]
            ),
            finished=all(hypothesis.finished for hypothesis in picked),
        )

    def _joint_score(self, log_prob: float, length: int) -> float:
        """As search scores a hypothesis, but for coverage, which is a matter of each part."""
        return log_prob / float(length_penalty(torch.tensor(float(length)), self.search.length_penalty))

    def _issues(self, line: Line, troubles: list[Issue]) -> list[Issue]:
        return [Issue("invalid_utf8"), *troubles] if line.invalid_utf8 else troubles

    def _troubles(
        self, parts: Sequence[EncodedSegment], best: Sequence[Hypothesis], candidates: list[Candidate]
    ) -> list[Issue]:
        found = []
        said, heard = sum(len(hypothesis.tokens) for hypothesis in best), sum(len(part.source) for part in parts)
        if len(parts) > 1:
            found.append(Issue("split", {"parts": len(parts)}))
        if not candidates[0].finished:
            found.append(Issue("cut", {"target_subwords": said}))
        for part, hypothesis in zip(parts, best, strict=True):
            if loop := find_loop(hypothesis.tokens, part.source):
                repeated = self.tokenizers.target.decode(hypothesis.tokens[loop.start : loop.start + loop.size])
                found.append(Issue("repetition", {"repeated": repeated, "times": loop.times}))
                break
        if not candidates[0].text:
            found.append(Issue("empty"))
        elif max(said, heard) > RATIO * min(said, heard) + SLACK:
            found.append(Issue("length_ratio", {"source_subwords": heard, "target_subwords": said}))
        if len(candidates) < self.search.n_best:
            found.append(Issue("fewer", {"candidates": len(candidates)}))
        return found


def _consecutive(parts: Sequence[Sequence[int]], continues: Sequence[bool]) -> list[int]:
    """Word indices of parts, numbered through; where a part continues, its first word is the last one before."""
    numbered: list[int] = []
    for words, goes_on in zip(parts, continues, strict=True):
        first = max(numbered, default=-1) + 1
        if goes_on and numbered:
            first -= 1
        numbered += [first + word for word in words]
    return numbered


def _block_diagonal(weights: Sequence[npt.NDArray[np.float32] | None]) -> npt.NDArray[np.float32] | None:
    """Attention of parts, each over its own source, as one over the source of all."""
    blocks = [block for block in weights if block is not None]
    if len(blocks) < len(weights):
        return None
    if len(blocks) == 1:
        return blocks[0]
    joined = np.zeros((sum(len(block) for block in blocks), sum(block.shape[1] for block in blocks)), np.float32)
    row = column = 0
    for block in blocks:
        joined[row : row + len(block), column : column + block.shape[1]] = block
        row, column = row + len(block), column + block.shape[1]
    return joined
