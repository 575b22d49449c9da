"""A trained model as an object: load it once, translate sentences, look at each result."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from nmt_cli.api.translate import attention_map
from nmt_cli.checkpoint.model_dir import load_ensemble
from nmt_cli.config import Device, SearchConfig, SearchPrecision
from nmt_cli.decoding.alignment import Link
from nmt_cli.decoding.translation import Candidate, Issue, Translation
from nmt_cli.decoding.translator import Batching, LineTranslator
from nmt_cli.kernels.device import compute_for_search


class TranslationResult:
    """One translated sentence. In a notebook it draws itself: the sentences and the attention between their words."""

    def __init__(self, translation: Translation) -> None:
        self._translation = translation

    @property
    def source(self) -> str:
        """The sentence that was translated."""
        return self._translation.line.text

    @property
    def text(self) -> str:
        """The best translation."""
        return self._translation.text

    @property
    def candidates(self) -> list[Candidate]:
        """All translations that were requested (`SearchConfig.n_best`), best first."""
        return self._translation.candidates

    @property
    def score(self) -> float:
        """Length-normalised log-probability of the best translation, at most 0."""
        return self.candidates[0].score

    @property
    def confidence(self) -> float:
        """Geometric mean of the probabilities of its subwords and of the end of the sentence, from 0 to 1."""
        return self.candidates[0].confidence

    @property
    def poor_probability(self) -> float | None:
        """The probability that its chrF++ is below 40, calibrated on dev; None if the model is not calibrated."""
        return self.candidates[0].poor_probability

    @property
    def tokens(self) -> list[str]:
        """Its subwords, T in number."""
        return self.candidates[0].tokens

    @property
    def source_tokens(self) -> list[str]:
        """The subwords of the source, S in number."""
        return self._translation.source_tokens

    @property
    def attention(self) -> npt.NDArray[np.float32] | None:
        """Attention weights (T, S); None if the model has no attention, or it was not requested."""
        return self.candidates[0].attention

    @property
    def alignment(self) -> list[Link] | None:
        """(source word, target word) links by attention, both counted from 0; None without attention."""
        return None if self.attention is None else self._translation.alignment(self.candidates[0])

    @property
    def issues(self) -> list[Issue]:
        """What is unusual about the sentence or its translation, such as "repetition"."""
        return self._translation.issues

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"TranslationResult({self.text!r}, confidence={self.confidence:.2f})"

    def _repr_html_(self) -> str:
        from nmt_cli.report.html import attention_svg

        picture = "" if self.attention is None or not self.tokens else attention_svg(attention_map(self._translation))
        figure = f"<small>confidence {self.confidence:.2f}</small>"
        return f"<p>{escape(self.source)}<br><b>{escape(self.text)}</b> {figure}</p>{picture}"


class Translator:
    """Translates with a trained model.

    translator = Translator.load("runs/model", SearchConfig(beam_size=5))
    translator.translate(["A man rides a bicycle."])[0].text
    """

    def __init__(self, translator: LineTranslator) -> None:
        self._translator = translator

    @classmethod
    def load(
        cls,
        model: str | Path,
        search: SearchConfig | None = None,
        *,
        ensemble: Sequence[str | Path] = (),
        attention: bool = True,
        batch_size: int = 64,
        device: Device = "auto",
        precision: SearchPrecision = "auto",
        threads: int = 0,
    ) -> Self:
        """Load a model folder; with `ensemble`, the probabilities of these models are averaged with its own.

        `attention` keeps the attention weights of a model that has attention; without them search is a little faster.
        `threads` 0 keeps torch's number of threads.
        Raises CheckpointError if a folder is missing or damaged, ConfigError if an option does not fit this machine.
        """
        compute = compute_for_search(device, precision, threads)
        loaded = load_ensemble(Path(model), [Path(path) for path in ensemble], compute)
        attends = any(each.config.attends for each in loaded.models)
        return cls(LineTranslator(loaded, search or SearchConfig(), Batching(batch_size), attention and attends))

    def translate(self, texts: Iterable[str], tag: str | None = None) -> list[TranslationResult]:
        """One result for each text, in order. `tag` is the name of one of the model's tags, to translate with; raises
        ConfigError if it has no such tag."""
        return list(self.stream(texts, tag))

    def stream(self, texts: Iterable[str], tag: str | None = None) -> Iterator[TranslationResult]:
        """Yield one result for each text, in order. `texts` may be endless: a window of texts is read, sorted by length
        and translated at a time."""
        if isinstance(texts, str):
            raise TypeError("texts is one string; give a list of sentences")
        translator = self._translator if tag is None else replace(self._translator, tag=tag)
        return map(TranslationResult, translator.translate_lines(texts))
