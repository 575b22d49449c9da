"""Lines in capitals are translated from their usual case, and the translation is put in capitals."""

import io
from pathlib import Path

import pytest
import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt_cli.checkpoint.model_dir import LoadedModel, load_model
from nmt_cli.config import SearchConfig
from nmt_cli.corpus.casing import title
from nmt_cli.corpus.tokenizer import Tokenizer
from nmt_cli.decoding.capitals import is_capitals, truecase, unusual_case
from nmt_cli.decoding.search import Search
from nmt_cli.decoding.text_stream import Line
from nmt_cli.decoding.translation import Translation
from nmt_cli.decoding.translator import LineTranslator
from nmt_cli.kernels.device import compute_for_training

CPU = compute_for_training("cpu", "fp32", 0)
SENTENCES = [
    "A man from Berlin sees the USA on TV .",
    "The man in the USA likes Berlin .",
    "Ein Mann sieht den Hund in Berlin .",
]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES * 20), model_writer=model, vocab_size=140, hard_vocab_limit=False,
        minloglevel=2, pad_id=0, unk_id=1, bos_id=2, eos_id=3, byte_fallback=False, model_type="bpe",
    )  # fmt: skip
    return Tokenizer(model.getvalue())


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> LoadedModel:
    return load_model(tiny_model, CPU)


def translate(model: LoadedModel, text: str, prefix: str = "", **options: object) -> Translation:
    search = SearchConfig.model_validate({"max_length": 12, "search_again": False, **options})
    (translation,) = LineTranslator(model, search).translate([Line(1, text, prefix)])
    return translation


@pytest.mark.parametrize("text", SENTENCES)
def test_names_nouns_and_abbreviations_of_the_vocabulary_keep_their_case(tokenizer: Tokenizer, text: str) -> None:
    assert truecase(text.upper(), "capitals", tokenizer, "en") == text
    assert truecase(title(text), "title", tokenizer, "en") == text
    assert truecase(f"{text.upper()}  {SENTENCES[0].upper()}", "capitals", tokenizer, "en") == f"{text}  {SENTENCES[0]}"


@pytest.mark.parametrize(
    ("text", "capitals"),
    [
        ("A MAN", True),
        ("STOP!", True),
        ("МУЖЧИНА 3", True),
        ("THE NEW iPHONE IS HERE", True),
        ("USA", False),
        ("TV 2024", False),
        ("A man", False),
        ("WARNING: do not touch", False),
        ("작은 개가 푸른 풀밭을", False),
        ("", False),
    ],
)
def test_what_counts_as_a_line_in_capitals(text: str, capitals: bool) -> None:
    assert is_capitals(text) is capitals


@pytest.mark.parametrize(
    ("text", "language", "is_title"),
    [
        ("A Man In A Blue Shirt", "en", True),
        ("A Man in a Blue Shirt Sees the USA.", "en", True),
        ("New York City", "en", False),
        ("A man in a Blue Shirt", "en", False),
        ("Zwei Hunde und ein Welpe", "de", False),
        ("Zwei Hunde Und Ein Welpe", "de", True),
        ("A MAN IN A SHIRT", "en", False),
        ("작은 개가 푸른 풀밭을", "ko", False),
    ],
)
def test_what_counts_as_title_case(text: str, language: str, is_title: bool) -> None:
    assert (unusual_case(text, language) == "title") is is_title


def test_names_in_title_case_that_the_vocabulary_lacks_stay(tokenizer: Tokenizer) -> None:
    assert truecase("The Man Likes Xyzzy", "title", tokenizer, "en").endswith(" Xyzzy")


def test_title_case_is_translated_from_its_usual_case(model: LoadedModel) -> None:
    text = "the old man sings in the rain ."
    usual, titled = translate(model, text), translate(model, title(text))
    assert titled.text == usual.text
    assert [issue.details for issue in titled.issues if issue not in usual.issues] == [{"case": "title"}]


@given(st.text(max_size=60))
@settings(max_examples=100, deadline=None)
def test_truecasing_any_text_needs_no_more_subwords_and_keeps_its_words(tokenizer: Tokenizer, text: str) -> None:
    text = tokenizer.normalize(text)
    cased = truecase(text, "capitals", tokenizer, "en")
    assert len(tokenizer.encode(cased)) <= len(tokenizer.encode(text))
    assert len(tokenizer.normalize(cased).split()) == len(text.split())


def test_the_translation_of_capitals_is_in_capitals(model: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "the old man sings in the rain ."
    usual, capitals = translate(model, text, "dog"), translate(model, text.upper(), "dog")
    assert capitals.text == usual.text != usual.text.upper(), "a prefix sets the case"
    letter = model.tokenizers.target.pieces(range(model.tokenizers.target.size)).index("a")
    monkeypatch.setattr(Search, "_constrain", lambda search, log_probs, *_: log_probs[..., letter].add_(100))
    usual, capitals = translate(model, text), translate(model, text.upper())
    assert capitals.text == usual.text.upper() != usual.text
    assert capitals.candidates[0].tokens == usual.candidates[0].tokens
    assert [issue.kind for issue in capitals.issues if issue not in usual.issues] == ["truecased"]
    assert capitals.line.text == text.upper()


def test_capitals_can_be_translated_as_they_are(model: LoadedModel) -> None:
    text = "THE OLD MAN SINGS IN THE RAIN ."
    translation = translate(model, text, truecase=False)
    assert translation.source_tokens == model.tokenizers.source.pieces(model.tokenizers.source.encode(text))
    assert "truecased" not in [issue.kind for issue in translation.issues]
