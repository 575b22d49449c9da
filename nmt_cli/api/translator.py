"""A trained model as an object: load it once, translate sentences."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Self

from nmt_cli.checkpoint.model_dir import load_ensemble
from nmt_cli.config import Device, SearchConfig, SearchPrecision
from nmt_cli.decoding.translation import Translation
from nmt_cli.decoding.translator import Batching, LineTranslator
from nmt_cli.kernels.device import compute_for_search


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
        attention: bool = False,
        batch_size: int = 64,
        device: Device = "auto",
        precision: SearchPrecision = "auto",
        threads: int = 0,
    ) -> Self:
        """Load a model folder; with `ensemble`, the probabilities of these models are averaged with its own.

        `attention` keeps the attention weights, from which alignments are computed. `threads` 0 keeps torch's number of
        threads.
        Raises CheckpointError if a folder is missing or damaged, ConfigError if an option does not fit this machine.
        """
        compute = compute_for_search(device, precision, threads)
        loaded = load_ensemble(Path(model), [Path(path) for path in ensemble], compute)
        return cls(LineTranslator(loaded, search or SearchConfig(), Batching(batch_size), attention))

    def translate(self, texts: Iterable[str]) -> list[Translation]:
        """One translation for each text, in order."""
        return list(self.stream(texts))

    def stream(self, texts: Iterable[str]) -> Iterator[Translation]:
        """Yield one translation for each text, in order. `texts` may be endless: a window of texts is read, sorted by
        length and translated at a time."""
        return self._translator.translate_lines(texts)
