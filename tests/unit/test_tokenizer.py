"""Tokenizers: normalisation, encoding and decoding, word boundaries, sampled segmentations."""

import collections
import io
import itertools
import math
import struct
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
from conftest import record_files
from forged_tokenizers import BYTES, DENORMALIZER, FLOAT, NORMALIZER, PIECE, parse, rules_of, serialise, tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt_cli.corpus.normalization import normalize
from nmt_cli.corpus.tokenizer import Tokenizer, Tokenizers
from nmt_cli.errors import CorpusError
from nmt_cli.special_tokens import BOS, EOS, PAD, UNK

TEXT = [
    "the small dog runs over the green grass .",
    "two women are sitting at a table and talk to each other .",
    "nobody knows why the old man sings in the rain , but he does .",
    "작은 개가 푸른 풀밭을 달리고 있다 .",
    "두 여자가 식탁에 앉아서 이야기를 한다 .",
]


def train(kind: str, **options: Any) -> bytes:
    model = io.BytesIO()
    more = {"byte_fallback": True, "pad_id": PAD, "unk_id": UNK, "bos_id": BOS, "eos_id": EOS, **options}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXT * 5),
        model_writer=model,
        model_type=kind,
        vocab_size=420,
        hard_vocab_limit=False,
        normalization_rule_name="identity",
        minloglevel=2,
        **more,
    )
    return model.getvalue()


MODELS = {kind: train(kind) for kind in ("unigram", "bpe")}
TOKENIZERS = {kind: Tokenizer(model) for kind, model in MODELS.items()}


@pytest.fixture(params=TOKENIZERS)
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    return TOKENIZERS[request.param]


ANY_LINE = st.text(st.characters(exclude_characters="\n", codec="utf-8"), max_size=30)


@settings(max_examples=150, deadline=None)
@given(ANY_LINE, st.sampled_from(["nfc", "nfkc", "none"]))
def test_normalisation_is_idempotent_and_gives_one_line(text: str, form: Any) -> None:
    once = normalize(text, form)
    assert normalize(once, form) == once
    assert len(once.splitlines() or [""]) == 1
    assert "\t" not in once


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        ("nfc", unicodedata.normalize("NFD", "한국어 é"), "한국어 é"),
        ("nfc", "ﬁne ① Ａ", "ﬁne ① Ａ"),
        ("nfkc", "ﬁne ① Ａ", "fine 1 A"),
        ("none", "e\u0301", "e\u0301"),
        ("none", "a\tb\u2028c\x85d\x0ce\u2581f", "a b c d e f"),
        ("nfc", "10\u00a0000\u3000x\u200by", "10\u00a0000\u3000x\u200by"),
    ],
)
def test_unicode_normal_forms(form: Any, text: str, expected: str) -> None:
    assert normalize(text, form) == expected


@settings(max_examples=150, deadline=None)
@given(ANY_LINE)
@pytest.mark.parametrize("kind", TOKENIZERS)
def test_encoding_has_no_unknowns_and_decoding_restores_the_text(kind: str, text: str) -> None:
    tokenizer = TOKENIZERS[kind]
    ids = tokenizer.encode(text)
    assert min(ids, default=EOS + 1) > EOS
    assert tokenizer.decode(ids) == " ".join(w for w in tokenizer.normalize(text).split(" ") if w)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 300), max_size=30))
@pytest.mark.parametrize("kind", TOKENIZERS)
def test_any_token_sequence_decodes_to_one_line(kind: str, ids: list[int]) -> None:
    text = TOKENIZERS[kind].decode(ids)
    assert len(text.splitlines() or [""]) == 1, "the byte pieces include the line feed"


def test_special_tokens_are_left_out_when_decoding(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode("the dog")
    assert tokenizer.decode([BOS, *ids, UNK, EOS, PAD, PAD]) == "the dog"


def test_batch_encoding_and_decoding_equal_one_by_one(tokenizer: Tokenizer) -> None:
    lines = [*TEXT, "", " ", "\0", "é"]
    one_by_one = [tokenizer.encode(line) for line in lines]
    assert tokenizer.encode_many(lines) == tokenizer.encode_many(lines, threads=3) == one_by_one
    assert tokenizer.decode_many(one_by_one) == [tokenizer.decode(ids) for ids in one_by_one]


def test_subwords_are_grouped_into_words(tokenizer: Tokenizer) -> None:
    for line in [*TEXT, "日本 dogs  talk"]:
        ids = tokenizer.encode(line)
        words = tokenizer.words(ids)
        by_word = [
            tokenizer.decode([i for i, _ in group])
            for _, group in itertools.groupby(zip(ids, words, strict=True), key=lambda pair: pair[1])
        ]
        assert by_word == line.split()
    assert tokenizer.words([]) == []


def test_pieces_mark_spaces_and_bytes(tokenizer: Tokenizer) -> None:
    pieces = tokenizer.pieces(tokenizer.encode("the 日"))
    assert "".join(pieces) == "▁the▁<0xE6><0x97><0xA5>"
    assert tokenizer.is_byte[tokenizer.encode("日")[1:]].all()


@settings(max_examples=60, deadline=None)
@given(st.lists(ANY_LINE, max_size=3), st.floats(0.01, 0.99), st.integers(0, 1 << 32))
@pytest.mark.parametrize("kind", TOKENIZERS)
def test_sampled_segmentation_decodes_to_the_same_text(kind: str, texts: list[str], strength: float, seed: int) -> None:
    tokenizer = TOKENIZERS[kind]
    sampled = tokenizer.sample(texts, strength, seed)
    assert [tokenizer.decode(ids) for ids in sampled] == [tokenizer.decode(tokenizer.encode(text)) for text in texts]


def test_samples_depend_only_on_the_seed_across_processes(tmp_path: Path, tokenizer: Tokenizer) -> None:
    (tmp_path / "model").write_bytes(tokenizer.model)
    program = (
        "import sys; from pathlib import Path; from nmt_cli.corpus.tokenizer import Tokenizer\n"
        "t = Tokenizer(Path(sys.argv[1]).read_bytes()); print(t.sample(sys.argv[2:], 0.8, seed=7))"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "model"), *TEXT]
    elsewhere = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert elsewhere == str(tokenizer.sample(TEXT, 0.8, seed=7))
    assert tokenizer.sample(TEXT, 0.8, seed=7) != tokenizer.sample(TEXT, 0.3, seed=8)


def all_segmentations(word: str, pieces: set[str]) -> list[list[str]]:
    if not word:
        return [[]]
    starts = [word[:n] for n in range(1, len(word) + 1) if word[:n] in pieces]
    return [[start, *rest] for start in starts for rest in all_segmentations(word[len(start) :], pieces)]


def test_unigram_sampling_follows_the_model_probabilities() -> None:
    tokenizer = TOKENIZERS["unigram"]
    processor = sentencepiece.SentencePieceProcessor(model_proto=MODELS["unigram"])
    scores = {processor.id_to_piece(i): processor.get_score(i) for i in range(260, tokenizer.size)}
    strength, exponent, draws = 5 / 6, 0.2, 4000
    weights = {
        tuple(segmentation): math.exp(exponent * sum(scores[piece] for piece in segmentation))
        for segmentation in all_segmentations("▁sitting", set(scores))
    }
    counts = collections.Counter(
        tuple(tokenizer.pieces(ids)) for ids in tokenizer.sample(["sitting"] * draws, strength, 1)
    )
    assert set(counts) <= set(weights)
    assert len(weights) > 3
    for segmentation, weight in weights.items():
        expected = weight / sum(weights.values())
        spread = math.sqrt(expected * (1 - expected) / draws)
        assert abs(counts[segmentation] / draws - expected) < 5 * spread + 1e-9


def test_bpe_dropout_equals_the_published_algorithm() -> None:
    """Against algorithm 1 of Provilkov et al. 2020, enumerated."""
    tokenizer = TOKENIZERS["bpe"]
    processor = sentencepiece.SentencePieceProcessor(model_proto=MODELS["bpe"])
    scores = {processor.id_to_piece(i): processor.get_score(i) for i in range(260, tokenizer.size)}
    dropout = 0.3

    def enumerate_outcomes(symbols: tuple[str, ...], probability: float) -> dict[tuple[str, ...], float]:
        merges = sorted((-scores[a + b], i) for i, (a, b) in enumerate(itertools.pairwise(symbols)) if a + b in scores)
        outcomes: dict[tuple[str, ...], float] = collections.defaultdict(float)
        for rank, (_, i) in enumerate(merges):
            chance = probability * dropout**rank * (1 - dropout)
            merged = (*symbols[:i], symbols[i] + symbols[i + 1], *symbols[i + 2 :])
            for outcome, share in enumerate_outcomes(merged, chance).items():
                outcomes[outcome] += share
        outcomes[symbols] += probability * dropout ** len(merges)
        return outcomes

    expected = enumerate_outcomes(tuple("▁talk"), 1.0)
    draws = 4000
    counts = collections.Counter(tuple(tokenizer.pieces(ids)) for ids in tokenizer.sample(["talk"] * draws, dropout, 1))
    assert set(counts) <= set(expected)
    assert len(expected) > 3
    for segmentation, probability in expected.items():
        spread = math.sqrt(probability * (1 - probability) / draws)
        assert abs(counts[segmentation] / draws - probability) < 5 * spread + 1e-9


def test_sampling_with_negligible_strength_gives_the_best_segmentation() -> None:
    assert TOKENIZERS["bpe"].sample(TEXT, 1e-12, 1) == [TOKENIZERS["bpe"].encode(t) for t in TEXT]
    assert TOKENIZERS["unigram"].sample(TEXT, 0.01, 1) == [TOKENIZERS["unigram"].encode(t) for t in TEXT]


@pytest.mark.parametrize("joint", [True, False])
def test_saved_tokenizers_load_equal(tmp_path: Path, joint: bool) -> None:
    source = Tokenizer(MODELS["unigram"], "nfkc")
    tokenizers = Tokenizers(source, source if joint else Tokenizer(MODELS["bpe"], "nfkc"))
    tokenizers.save(tmp_path)
    loaded = Tokenizers.load(record_files(tmp_path), "nfkc", (tokenizers.source.size, tokenizers.target.size))
    assert loaded.joint is joint
    assert loaded.files() == tokenizers.files()
    assert loaded.source.encode("ﬁne") == loaded.source.encode("fine") == tokenizers.source.encode("fine")


def test_invalid_tokenizer_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"x.model: not a SentencePiece model"):
        Tokenizer(b"something else", "nfc", "x.model")
    with pytest.raises(CorpusError, match=r"x.model: pad, unk, bos and eos have the ids \(-1, 0, 1, 2\).*--pad_id=0"):
        Tokenizer(train("bpe", pad_id=-1, unk_id=0, bos_id=1, eos_id=2), "nfc", "x.model")
    with pytest.raises(CorpusError, match=r"tokenizer.source.model: the manifest does not list such a file"):
        Tokenizers.load(record_files(tmp_path), "nfc", (1, 1))
    source = Tokenizer(MODELS["unigram"])
    Tokenizers(source, source).save(tmp_path)
    with pytest.raises(CorpusError, match=r"tokenizer.model: .* subwords, but the manifest has 7 and 8; make it again"):
        Tokenizers.load(record_files(tmp_path), "nfc", (7, 8))


def test_tokenizer_files_that_sentencepiece_does_not_check_are_refused() -> None:
    models = tokenizers()
    fields = parse(models["bpe"])
    rules = rules_of(models["nfkc"])
    broken = rules.replace(b"\0fi\0", b"\0f\xff\0")

    def with_piece(*changed: tuple[int, int, object]) -> bytes:
        return serialise([*fields, (PIECE, BYTES, serialise([(1, BYTES, b"new"), (2, FLOAT, bytes(4)), *changed]))])

    assert Tokenizer(with_piece()).size == Tokenizer(models["bpe"]).size + 1
    size = Tokenizer(models["bpe"]).size
    for changed, reason in (
        ((1, BYTES, b"new\xff"), f"subword {size} is not UTF-8"),
        ((2, FLOAT, struct.pack("<f", math.nan)), f"the score of subword {size} is nan"),
        ((2, FLOAT, struct.pack("<f", math.inf)), f"the score of subword {size} is inf"),
    ):
        with pytest.raises(CorpusError, match=f"^x.model: {reason}; give a file written by SentencePiece$"):
            Tokenizer(with_piece(changed), "nfc", "x.model")
    kept = [field for field in fields if field[0] not in (NORMALIZER, DENORMALIZER)]
    with_rules = [
        Tokenizer(
            serialise([*kept, (place, BYTES, serialise([(1, BYTES, b"x"), (2, BYTES, broken)]))]), "nfc", "x.model"
        )
        for place in (NORMALIZER, DENORMALIZER)
    ]
    with pytest.raises(CorpusError, match=r"^x.model: its rules write text that is not UTF-8"):
        with_rules[0].sample(["ﬁn"], 0.5, seed=1)
    with pytest.raises(CorpusError, match=r"^x.model: its rules write text that is not UTF-8"):
        with_rules[1].decode(with_rules[1].encode("ﬁn"))
