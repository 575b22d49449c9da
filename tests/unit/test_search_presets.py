"""Search of every preset, in a tiny size: against brute force, and its scores against teacher forcing."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import TINY_TEXT, write_tiny_model
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from scripted import every_translation
from torch import Tensor

from nmt_cli.checkpoint.model_dir import LoadedModel, load_model
from nmt_cli.config import ModelConfig, SearchConfig
from nmt_cli.corpus.batch import collate
from nmt_cli.corpus.tokenizer import Tokenizer
from nmt_cli.decoding.ensemble import EnsembleStep
from nmt_cli.decoding.output import as_json
from nmt_cli.decoding.search import SearchInput, search
from nmt_cli.decoding.shortlist import Shortlist
from nmt_cli.decoding.translator import LineTranslator
from nmt_cli.kernels.device import compute_for_search
from nmt_cli.model.seq2seq import Seq2Seq, VocabSizes, sequence_mask
from nmt_cli.presets import PRESETS
from nmt_cli.special_tokens import EOS

SENTENCES = [*TINY_TEXT[:1], *TINY_TEXT[3:5], "the old man", "개"]
SIZES = {"embedding_size": 8, "hidden_size": 8}
every_preset = pytest.mark.parametrize("preset", PRESETS)


def random_model(preset: str, vocabulary: int, seed: int) -> Seq2Seq:
    """A model of a preset with weights so large that its probabilities differ much."""
    torch.manual_seed(seed)
    model = Seq2Seq(
        ModelConfig.model_validate({**PRESETS[preset], **SIZES}), VocabSizes(vocabulary, vocabulary, True)
    ).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(3.0)
    return model


@torch.no_grad()
def forced_log_probs(
    models: Sequence[Seq2Seq], source: Sequence[int], targets: Sequence[Sequence[int]], kept: Tensor
) -> list[Tensor]:
    """The log-probability of each token of each translation by teacher forcing, over the `kept` subwords only; the
    probabilities of the models are averaged."""
    batch = collate([source] * len(targets), [target[:-1] for target in targets])
    ids, target_input = torch.from_numpy(batch.source), torch.from_numpy(batch.target_input)
    by_model = []
    for model in models:
        readouts, _ = model(ids, sequence_mask(torch.from_numpy(batch.source_lengths), ids.size(1)), target_input)
        logits = model.output(readouts)
        unused = torch.ones(logits.size(-1), dtype=torch.bool)
        unused[kept] = False
        by_model.append(logits.masked_fill(unused, -torch.inf).softmax(-1))
    mean = torch.stack(by_model).mean(0).log()
    return [mean[row, torch.arange(len(target)), torch.tensor(target)] for row, target in enumerate(targets)]


@every_preset
@settings(max_examples=4, deadline=None, derandomize=True, phases=[Phase.generate])
@given(data=st.data())
def test_an_exhaustive_beam_equals_brute_force(preset: str, data: st.DataObject) -> None:
    vocabulary, longest = data.draw(st.sampled_from([(5, 4), (6, 3), (7, 3), (9, 2)]))
    penalty, seed = data.draw(st.sampled_from([0.0, 0.6, 1.0])), data.draw(st.integers(0, 99))
    other = data.draw(st.sampled_from([None, *PRESETS]))
    restricted = data.draw(st.booleans())
    subword = st.integers(EOS + 1, vocabulary - 1)
    sentences = data.draw(st.lists(st.lists(subword, min_size=1, max_size=6), min_size=1, max_size=3))

    models = [random_model(name, vocabulary, seed + n) for n, name in enumerate([preset, other]) if name]
    kept = torch.tensor([token for token in range(vocabulary) if not restricted or token != vocabulary - 1])
    translations = [t for t in every_translation(vocabulary, longest) if all(token in kept for token in t)]
    lengths = torch.tensor([len(sentence) + 1 for sentence in sentences])
    width = int(lengths.max())
    source = torch.tensor([[*sentence, EOS] + [0] * (width - len(sentence) - 1) for sentence in sentences])
    step = EnsembleStep(models, kept if restricted else None)
    best = min(5, len(translations))
    # at the length limit the end of the sentence competes with all other subwords
    beam_size = len(translations) * vocabulary
    options = SearchConfig(beam_size=beam_size, n_best=best, max_length=longest, length_penalty=penalty)
    results = search(step, step.init_state(source, sequence_mask(lengths, width)), SearchInput(lengths), options)

    for sentence, hypotheses in zip(sentences, results, strict=True):
        forced = forced_log_probs(models, sentence, [(*target, EOS) for target in translations], kept)
        scores = {
            target: float(log_probs.sum()) / ((5 + len(log_probs)) / 6) ** penalty
            for target, log_probs in zip(translations, forced, strict=True)
        }
        assert [h.score for h in hypotheses] == pytest.approx(sorted(scores.values(), reverse=True)[:best], abs=1e-4)
        assert [h.score for h in hypotheses] == pytest.approx([scores[tuple(h.tokens)] for h in hypotheses], abs=1e-4)


def check_scores(loaded: LoadedModel, beam_size: int, shortlist: Shortlist | None) -> int:
    """Compare the scores and probabilities of all candidates in the JSON of `nmt translate`; returns how many."""
    again = shortlist is None  # a second search has another shortlist, that of the lines that it is for
    options = SearchConfig(beam_size=beam_size, n_best=beam_size, max_length=8, length_penalty=0.0, search_again=again)
    translator = LineTranslator(loaded, options, attention=all(model.config.attends for model in loaded.models))
    translator._shortlist = shortlist
    target = loaded.tokenizers.target
    ids = {piece: i for i, piece in enumerate(target.pieces(range(target.size)))}
    sources = [loaded.tokenizers.source.encode(text) for text in SENTENCES]
    assert max(map(len, sources)) <= loaded.manifest.max_source_length
    kept = shortlist.candidates(sources, []).ids if shortlist else np.arange(target.size)
    count = 0
    for source, translation in zip(sources, translator.translate_lines(SENTENCES), strict=True):
        entry = json.loads(as_json(translation, beam_size))
        for candidate in entry.get("n_best", [entry]):
            tokens = [*(ids[piece] for piece in candidate["tokens"]), *([EOS] if candidate["finished"] else [])]
            (forced,) = forced_log_probs(loaded.models, source, [tokens], torch.from_numpy(kept))
            assert candidate["score"] == pytest.approx(float(forced.sum()), abs=1e-4)
            assert candidate["confidence"] == pytest.approx(float(forced.mean().exp()), abs=1e-4)
            expected = forced.exp()[: len(candidate["tokens"])].tolist()
            assert candidate["probabilities"] == pytest.approx(expected, abs=1e-4)
            count += 1
    return count


@every_preset
def test_scores_in_json_are_forced_log_probabilities(preset: str, tiny_tokenizer: Tokenizer, tmp_path: Path) -> None:
    names = list(PRESETS)
    other = names[names.index(preset) - 1]
    for name in (preset, other):
        write_tiny_model(tmp_path / name, tiny_tokenizer, **{**PRESETS[name], **SIZES})
    compute = compute_for_search("cpu", "fp32", 1)
    table = np.random.default_rng(1).integers(EOS + 1, tiny_tokenizer.size, (tiny_tokenizer.size, 4))
    shortlist = Shortlist(table.astype(np.int32), 4, joint=True)
    alone, member = (load_model(tmp_path / name, compute, packed=False) for name in (preset, other))
    for model in (alone.model, member.model):
        model.double()  # large random weights amplify rounding differences
    for loaded in (alone, replace(alone, ensemble=(member,))):
        for beam_size in (1, 4):
            assert check_scores(loaded, beam_size, None) >= len(SENTENCES)
            assert check_scores(loaded, beam_size, shortlist) >= len(SENTENCES)
