"""Codes of languages: all forms of one code, scripts, and codes of countries."""

import langcodes
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langcodes.data_dicts import LANGUAGE_ALPHA3, LANGUAGE_ALPHA3_BIBLIOGRAPHIC

from nmt_cli.config import EvaluateConfig, PreprocessConfig
from nmt_cli.corpus.writing_systems import Script
from nmt_cli.errors import ConfigError
from nmt_cli.languages import COUNTRIES, is_unspaced, main_code, same_language, script
from nmt_cli.settings import resolve


@given(st.sampled_from(sorted(LANGUAGE_ALPHA3)), st.sampled_from(["", "-US", "_kr", "-Latn", "-Cyrl-RU"]))
def test_all_forms_of_a_code_are_one_language(code: str, ending: str) -> None:
    forms = [code, LANGUAGE_ALPHA3[code], LANGUAGE_ALPHA3_BIBLIOGRAPHIC.get(code, code)]
    forms += [form.upper() + ending for form in forms] + [form + ending for form in forms]
    assert {main_code(form) for form in forms} == {main_code(code)}
    assert all(same_language(code, form) for form in forms)


@pytest.mark.parametrize(
    ("code", "main"),
    [("zh-TW", "zh"), ("cmn", "zh"), ("KOR", "ko"), ("arb_Arab", "ar"), ("iw", "he"), ("yue", "yue"), ("tlh", "tlh")],
)
def test_a_code_is_reduced_to_the_shortest_code_of_the_language(code: str, main: str) -> None:
    assert main_code(code) == main


@given(st.text(max_size=20))
def test_any_text_is_read_as_a_code_without_an_error(text: str) -> None:
    assert main_code(text) == main_code(text.upper().lower()) or not text.isascii()
    assert not script(text) or len(script(text)) == 4
    Script(text)


def test_an_unknown_language_has_no_script() -> None:
    assert (main_code(None), script(None), script(""), is_unspaced(None)) == ("", "", "", False)


@pytest.mark.parametrize(
    ("code", "right", "wrong"), [("kor", "집", "house"), ("ko-Latn", "jip", "집"), ("eng-US", "a", "집")]
)
def test_every_form_of_a_code_has_the_script_of_the_language(code: str, right: str, wrong: str) -> None:
    assert Script(code).known
    assert not Script(code).is_wrong(right)
    assert Script(code).is_wrong(wrong)


@pytest.mark.parametrize("country", COUNTRIES)
def test_the_code_of_a_country_is_told_with_its_language(country: str) -> None:
    expected = f"{country} is the code of a country, not of a language; did you mean {COUNTRIES[country]}"
    with pytest.raises(ConfigError, match=expected):
        resolve(PreprocessConfig, [("--target", {"target": country})])
    with pytest.raises(ConfigError, match=expected):
        resolve(EvaluateConfig, [("--target", {"target": country})])
    assert langcodes.tag_is_valid(COUNTRIES[country])
