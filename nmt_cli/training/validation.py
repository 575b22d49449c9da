"""Validation: the loss over the whole dev split, and BLEU and chrF of greedy translations as a user sees them."""

import math
import time
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from nmt_cli.checkpoint.model_dir import LoadedModel
from nmt_cli.corpus.batch import collate
from nmt_cli.corpus.batching import PAD_MULTIPLE, make_batches, stored_segmentation
from nmt_cli.corpus.dataset import PreparedCorpus
from nmt_cli.decoding.confidence import Calibration
from nmt_cli.decoding.translator import translate_corpus
from nmt_cli.errors import CorpusError
from nmt_cli.evaluation.calibration import fit_calibration
from nmt_cli.evaluation.metrics import Scorer
from nmt_cli.kernels.device import Compute
from nmt_cli.progress import Progress, Step, logger
from nmt_cli.training.step import batch_loss


@dataclass(frozen=True)
class Validation:
    """Results on dev: the loss in nats per subword, scores of the greedy translation, attention entropy as a share of
    the largest possible (None without attention), the seconds it took, and how confidence predicts the chrF++ of a
    sentence.
    """

    loss: float
    bleu: float
    chrf: float
    entropy: float | None
    outputs: list[str]
    seconds: float
    calibration: Calibration

    @property
    def perplexity(self) -> float:
        return math.exp(min(self.loss, 50.0))


def _loss_batches(corpus: PreparedCorpus, batch_tokens: int) -> list[npt.NDArray[np.int64]]:
    """The rows of dev that the loss is computed on, in batches: those of at most `max_length` subwords, as in training.
    The attention of one very long pair would take gigabytes.

    Raises CorpusError if there is none.
    """
    split, limit = corpus.split("dev"), corpus.manifest.max_length
    longer = np.maximum(split.source_lengths, split.target_lengths)
    rows = np.flatnonzero(longer <= limit)
    if not len(rows):
        raise CorpusError(
            f"{corpus.path}: every pair of dev has a side with more than {limit} subwords, so there is no dev loss; "
            "give shorter text with nmt preprocess --dev, or raise its --max-length"
        )
    if len(rows) < len(split):
        logger.warning(
            f"dev loss leaves out {len(split) - len(rows):,} pairs of more than {limit} subwords (the longest has "
            f"{longer.max():,}), as training does; they are translated in segments"
        )
    lengths = split.source_lengths[rows], split.target_lengths[rows]
    batches = make_batches(*lengths, batch_tokens, np.random.default_rng(0))
    return [rows[batch] for batch in batches]


class Validator:
    """Validates a model on dev. The loss is computed on batches of the shapes that training uses, for which oneDNN has
    compiled its kernels already, and leaves out pairs longer than those of training."""

    def __init__(self, corpus: PreparedCorpus, sentences: int, batch_tokens: int) -> None:
        self.split = corpus.split("dev")
        self._batches = _loss_batches(corpus, batch_tokens)
        count = min(sentences, len(self.split))
        rows = np.linspace(0, len(self.split) - 1, count).round().astype(int).tolist()
        self.sources = [self.split.source_text(r) for r in rows]
        self.references = [self.split.target_text(r) for r in rows]
        by_length = sorted(range(count), key=lambda n: (len(self.sources[n]), n))
        self.sample_rows = list(dict.fromkeys(by_length[count * n // 4] for n in (2, 3, 1)))
        """Sentences to show: of medium length, a longer and a shorter one, the same at every validation."""
        self._scorer = Scorer([self.references], corpus.manifest.target, corpus.manifest.unicode)
        self.copy_bleu = self._scorer.corpus_score("bleu", self.sources)

    def validate(self, loaded: LoadedModel, progress: Progress) -> Validation:
        """Validate the model with its current weights, as a step of `progress`, and leave it in evaluation mode.

        Raises FloatingPointError if the dev loss is not finite: search would fail.
        """
        started = time.monotonic()
        loaded.model.eval()
        with progress.step("validating", len(self.split) + len(self.sources), "sentences", announce=False) as step:
            loss, entropy = self._loss(loaded, step)
            step.advance(len(self.split) - sum(map(len, self._batches)))
            if not math.isfinite(loss):
                raise FloatingPointError("the dev loss is not finite")
            fp32 = replace(loaded, compute=Compute(loaded.compute.device, torch.float32))  # as in nmt eval
            translations = translate_corpus(fp32, self.sources, on_lines=step.advance)
        outputs = [translation.text for translation in translations]
        confidences = [translation.candidates[0].confidence for translation in translations]
        return Validation(
            loss=loss,
            bleu=self._scorer.corpus_score("bleu", outputs),
            chrf=self._scorer.corpus_score("chrf", outputs),
            entropy=entropy,
            outputs=outputs,
            calibration=fit_calibration(confidences, self._scorer.sentence_chrf(outputs)),
            seconds=time.monotonic() - started,
        )

    @torch.no_grad()
    def _loss(self, loaded: LoadedModel, step: Step) -> tuple[float, float | None]:
        likelihood, tokens, entropies = 0.0, 0, []
        for rows in self._batches:
            batch = collate(*stored_segmentation(self.split, rows), multiple=PAD_MULTIPLE)
            sums, weights = batch_loss(loaded.model, batch, 0.0, loaded.compute)
            likelihood += float(sums.nll)
            tokens += sums.tokens
            step.advance(len(rows))
            if weights is not None and batch.source.shape[1] > 1:
                lengths = torch.from_numpy(batch.source_lengths).to(weights.device)
                entropies.append(
                    _entropy_share(weights, lengths, torch.from_numpy(batch.target_output > 0).to(weights.device))
                )
        entropy = float(torch.cat(entropies).mean()) if entropies else None
        return likelihood / tokens, entropy


def _entropy_share(weights: torch.Tensor, lengths: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """Attention weights (B, T, S) -> entropy / log S (N,), at the N real target tokens (B, T) of sources longer than
    one token."""
    entropy = torch.special.entr(weights.float()).sum(-1)  # (B, T)
    share: torch.Tensor = entropy / lengths.clamp_min(2).log().unsqueeze(1)
    mask = real & (lengths > 1).unsqueeze(1)
    return share[mask]
