"""Combines the hypotheses of a line's segments into the translation of the line."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from nmt_cli.config import SearchConfig
from nmt_cli.corpus.casing import upper
from nmt_cli.corpus.tokenizer import Tokenizers
from nmt_cli.decoding.capitals import Case
from nmt_cli.decoding.confidence import Calibration
from nmt_cli.decoding.hypothesis import Hypothesis, length_penalty
from nmt_cli.decoding.repetition import find_loop
from nmt_cli.decoding.search_again import is_far_longer
from nmt_cli.decoding.text_stream import Line
from nmt_cli.decoding.translation import Candidate, Issue, Translation, blank
from nmt_cli.languages import is_chinese_or_japanese


@dataclass(frozen=True)
class EncodedSegment:
    """The input of search for a segment: source subwords, and the prefix that its translation must begin with.

    `within_word`: no space separates it from the previous segment, so it begins inside that segment's last word.
    `tag`: the id of the tag before the source, if there is one. It is no subword of the line, and nothing is aligned
    with it.
    `case`: the unusual case of its line, which was put in its usual case; a translation of capitals is put in capitals.
    """

    source: tuple[int, ...]
    prefix: tuple[int, ...] = ()
    within_word: bool = False
    tag: tuple[int, ...] = ()
    case: Case | None = None


@dataclass(frozen=True)
class Assembler:
    """Combines hypotheses into translations. `target` is the language code."""

    tokenizers: Tokenizers
    target: str
    search: SearchConfig
    calibration: Calibration | None = None

    def assemble(
        self, line: Line, segments: Sequence[EncodedSegment], results: Sequence[Sequence[Hypothesis]]
    ) -> Translation:
        """The translation of a line from the hypotheses of each of its segments; a line without segments is blank."""
        if not segments:
            return Translation(line, [blank(line)], [], [], self._issues(line, [Issue("blank")]))
        candidates: dict[str, Candidate] = {}
        for n in range(max(len(hypotheses) for hypotheses in results)):
            candidate = self._candidate(segments, [hypotheses[min(n, len(hypotheses) - 1)] for hypotheses in results])
            candidates.setdefault(candidate.text, candidate)  # different subwords may decode to the same text
        source_ids = [i for segment in segments for i in segment.source]
        source = self.tokenizers.source
        words = _consecutive(
            [source.words(segment.source) for segment in segments], [segment.within_word for segment in segments]
        )
        best = [hypotheses[0] for hypotheses in results]
        issues = self._issues(line, self._search_issues(segments, best, list(candidates.values())))
        return Translation(line, list(candidates.values()), source.pieces(source_ids), words, issues)

    def _candidate(self, segments: Sequence[EncodedSegment], hypotheses: Sequence[Hypothesis]) -> Candidate:
        """Join one hypothesis of each segment into a candidate."""
        tokenizer = self.tokenizers.target
        spaced = not is_chinese_or_japanese(self.target)
        texts = tokenizer.decode_many(hypothesis.tokens for hypothesis in hypotheses)
        log_probs = [value for hypothesis in hypotheses for value in hypothesis.token_log_probs]
        log_prob = sum(hypothesis.log_prob for hypothesis in hypotheses)
        words = [tokenizer.words(hypothesis.tokens) for hypothesis in hypotheses]
        confidence = math.exp(log_prob / len(log_probs)) if log_probs else 0.0
        text = (" " if spaced else "").join(text for text in texts if text)
        if segments[0].case == "capitals" and not segments[0].prefix:
            text = upper(text, self.target)
        return Candidate(
            text=text,
            score=hypotheses[0].score if len(hypotheses) == 1 else self._joint_score(log_prob, len(log_probs)),
            log_prob=log_prob,
            confidence=confidence,
            poor_probability=self.calibration.poor_probability(confidence) if self.calibration else None,
            tokens=[piece for hypothesis in hypotheses for piece in tokenizer.pieces(hypothesis.tokens)],
            probabilities=[
                math.exp(value)
                for hypothesis in hypotheses
                for value in hypothesis.token_log_probs[: len(hypothesis.tokens)]
            ],
            words=_consecutive(words, [not spaced] * len(words)),
            attention_blocks=_attention_blocks(segments, hypotheses),
            finished=all(hypothesis.finished for hypothesis in hypotheses),
        )

    def _joint_score(self, log_prob: float, length: int) -> float:
        """The score of joined segments, as in search but without the coverage penalty, which is defined per segment."""
        return log_prob / float(length_penalty(torch.tensor(float(length)), self.search.length_penalty))

    def _issues(self, line: Line, issues: list[Issue]) -> list[Issue]:
        return [Issue("invalid_utf8"), *issues] if line.invalid_utf8 else issues

    def _search_issues(
        self, segments: Sequence[EncodedSegment], best: Sequence[Hypothesis], candidates: list[Candidate]
    ) -> list[Issue]:
        issues = []
        if segments[0].case:
            issues.append(Issue("truecased", {"case": segments[0].case}))
        target_len = sum(len(hypothesis.tokens) for hypothesis in best)
        source_len = sum(len(segment.source) for segment in segments)
        if len(segments) > 1:
            issues.append(Issue("split", {"parts": len(segments)}))
        if not candidates[0].finished:
            issues.append(Issue("cut", {"target_subwords": target_len}))
        for segment, hypothesis in zip(segments, best, strict=True):
            if loop := find_loop(hypothesis.tokens, segment.source):
                repeated = self.tokenizers.target.decode(hypothesis.tokens[loop.start : loop.start + loop.size])
                issues.append(Issue("repetition", {"repeated": repeated, "times": loop.times}))
                break
        for reason in dict.fromkeys(hypothesis.searched_again for hypothesis in best if hypothesis.searched_again):
            issues.append(Issue("searched_again", {"reason": reason}))
        if not candidates[0].text:
            issues.append(Issue("empty"))
        elif is_far_longer(max(target_len, source_len), min(target_len, source_len)):
            issues.append(Issue("length_ratio", {"source_subwords": source_len, "target_subwords": target_len}))
        issues += self._doubt(candidates[0])
        if len(candidates) < self.search.n_best:
            issues.append(Issue("fewer", {"candidates": len(candidates)}))
        return issues

    def _doubt(self, best: Candidate) -> list[Issue]:
        if self.calibration is None or not self.calibration.is_low(best.confidence):
            return []
        poor = self.calibration.poor_probability(best.confidence)
        return [Issue("low_confidence", {"confidence": round(best.confidence, 4), "poor_probability": round(poor, 4)})]


def _consecutive(segments: Sequence[Sequence[int]], continues: Sequence[bool]) -> list[int]:
    """Word indices numbered across segments; a segment that continues a word begins with the previous segment's last
    index."""
    numbered: list[int] = []
    for words, continues_word in zip(segments, continues, strict=True):
        first = max(numbered, default=-1) + 1
        if continues_word and numbered:
            first -= 1
        numbered += [first + word for word in words]
    return numbered


def _attention_blocks(
    segments: Sequence[EncodedSegment], hypotheses: Sequence[Hypothesis]
) -> tuple[npt.NDArray[np.float32], ...] | None:
    """The attention of each segment, without the columns of tag and EOS, which are no subwords of the line; None if one
    lacks."""
    blocks = [
        hypothesis.attention[:, len(segment.tag) : len(segment.tag) + len(segment.source)]
        for segment, hypothesis in zip(segments, hypotheses, strict=True)
        if hypothesis.attention is not None
    ]
    return tuple(blocks) if len(blocks) == len(segments) else None
