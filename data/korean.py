"""Korean morphology: particles and conjugation, computed from the letters of a syllable.

A Hangul syllable block is one code point made of lead + vowel + optional final consonant, laid out
in arithmetic order. Every rule below is therefore stated on those three parts and never on a list
of whole words; only the irregular class of a stem has to be told, because spelling does not show it.
"""

from dataclasses import dataclass
from enum import Enum
from functools import cache

BASE = 0xAC00
VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
FINALS: tuple[str, ...] = ("", *"ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ")

Particle = tuple[str, str]
"""A particle as (after a consonant, after a vowel)."""

TOPIC: Particle = ("은", "는")
SUBJECT: Particle = ("이", "가")
OBJECT: Particle = ("을", "를")
WITH: Particle = ("과", "와")
TOWARD: Particle = ("으로", "로")
AT: Particle = ("에", "에")
IN: Particle = ("에서", "에서")
TO_PERSON: Particle = ("에게", "에게")
OF: Particle = ("의", "의")
THAN: Particle = ("보다", "보다")
BARE: Particle = ("", "")


def vowel_of(syllable: str) -> str:
    """The vowel letter of one syllable block."""
    return VOWELS[(ord(syllable) - BASE) // 28 % 21]


def final_of(word: str) -> str:
    """The final consonant of a word's last syllable, or an empty string."""
    return FINALS[(ord(word[-1]) - BASE) % 28]


def with_final(word: str, final: str) -> str:
    """The same word with the final consonant of its last syllable replaced."""
    code = ord(word[-1])
    return word[:-1] + chr(code - (code - BASE) % 28 + FINALS.index(final))


def with_vowel(word: str, vowel: str) -> str:
    """The same word with the vowel of its last, open syllable replaced."""
    lead = (ord(word[-1]) - BASE) // 588
    return word[:-1] + chr(BASE + lead * 588 + VOWELS.index(vowel) * 28)


def attach(word: str, particle: Particle) -> str:
    """Put a particle after a word in the form its last sound asks for."""
    if particle == SUBJECT and word in ("저", "누구"):
        return {"저": "제가", "누구": "누가"}[word]
    final = final_of(word)
    if particle == TOWARD:
        return word + ("로" if final in ("", "ㄹ") else "으로")
    return word + particle[0 if final else 1]


@dataclass(frozen=True, slots=True)
class Stem:
    """A verb or adjective without its 다: the part that endings attach to.

    `irregular` is one of ㅂ ㄷ ㅅ ㅎ 르, or empty. Stems in 으 and ㄹ need no mark: those classes
    have no regular members. `copula` marks 이다 with its noun in front ("의사이").
    """

    text: str
    irregular: str = ""
    adjective: bool = False
    copula: bool = False

    @property
    def exists(self) -> bool:
        """있다, 없다 and their compounds take 는 and 다고 whatever their word class."""
        return self.text[-1] in "있없"


class Ending(Enum):
    """What a predicate is doing in its sentence."""

    STATEMENT = "습니다"
    QUESTION = "습니까"
    AND = "고"
    SEQUENCE = "고, untensed"
    RESULT = "아서"
    AND_THEN = "고 나서"
    BUT = "지만"
    IF = "면"
    WHEN = "ㄹ 때"
    AFTER = "ㄴ 후에"
    BEFORE = "기 전에"
    WHILE = "면서"
    DURING = "는 동안"
    PURPOSE = "러"
    MODIFIER = "는"
    THAT = "다고"
    REQUEST = "아 주십시오"
    PROHIBITION = "지 마십시오"
    SUGGESTION = "ㅂ시다"


def _harmony(vowel: str) -> str:
    return "아" if vowel in "ㅏㅑㅗ" else "어"


def _infinitive_irregular(stem: Stem) -> str:
    text = stem.text
    if stem.irregular == "ㅂ":  # only 돕다 and 곱다 keep 오; all others take 우
        return with_final(text, "") + ("와" if text in ("돕", "곱") else "워")
    if stem.irregular == "ㄷ":
        return with_final(text, "ㄹ") + _harmony(vowel_of(text[-1]))
    if stem.irregular == "ㅅ":  # the lost ㅅ still blocks contraction: 지어, not 져
        return with_final(text, "") + _harmony(vowel_of(text[-1]))
    if stem.irregular == "ㅎ":
        return with_vowel(with_final(text, ""), "ㅒ" if vowel_of(text[-1]) == "ㅑ" else "ㅐ")
    before = text[:-1]  # 르: 부르 -> 불러
    return with_final(before, "ㄹ") + ("라" if _harmony(vowel_of(before[-1])) == "아" else "러")


def _infinitive_open(text: str) -> str:
    """아/어 after a stem that ends in a vowel, always in its contracted form."""
    vowel = vowel_of(text[-1])
    if vowel == "ㅡ":  # 으 drops out and the syllable before it decides: 바쁘 -> 바빠, 쓰 -> 써
        bright = len(text) > 1 and text[-2] != " " and _harmony(vowel_of(text[-2])) == "아"
        return with_vowel(text, "ㅏ" if bright else "ㅓ")
    contracted = {"ㅗ": "ㅘ", "ㅜ": "ㅝ", "ㅣ": "ㅕ", "ㅚ": "ㅙ"}
    if vowel in contracted:
        return with_vowel(text, contracted[vowel])
    return text if vowel in "ㅏㅓㅐㅔㅕ" else text + "어"


@cache
def infinitive(stem: Stem) -> str:
    """The 아/어 form, on which the past tense, 아서 and 아 주다 are built."""
    text = stem.text
    if stem.copula:
        return text[:-1] + ("이어" if final_of(text[:-1]) else "여")
    if text[-1] == "하":
        return text[:-1] + "해"
    if stem.irregular:
        return _infinitive_irregular(stem)
    if not final_of(text):
        return _infinitive_open(text)
    return text + _harmony(vowel_of(text[-1]))


@cache
def past(stem: Stem) -> str:
    """The past stem: 먹었, 갔, 도왔."""
    return with_final(infinitive(stem), "ㅆ")


def linked(stem: Stem, ending: str) -> str:
    """Attach an ending that takes 으 after a consonant: 면, 러, 려고, 시, or a bare ㄴ, ㄹ, ㅂ.

    A bare consonant becomes the final of the last syllable: 가 + ㄹ -> 갈, 먹 + ㄹ -> 먹을.
    """
    text, closed = stem.text, bool(final_of(stem.text))
    if stem.irregular == "ㅂ":
        text, closed = with_final(text, "") + "우", False
    elif stem.irregular == "ㄷ":
        text = with_final(text, "ㄹ")
    elif stem.irregular == "ㅅ":
        text = with_final(text, "")
    elif stem.irregular == "ㅎ":
        text, closed = with_final(text, ""), False
    elif final_of(text) == "ㄹ":  # 만들면, but 만든, 만들 (future), 만듭시다
        closed = False
        if ending[0] in "ㄴㄹㅂ시":
            text = with_final(text, "")
    if closed:
        text += "으"
    return with_final(text, ending[0]) + ending[1:] if ending[0] in "ㄴㄹㅂ" else text + ending


HONORIFICS = {"먹": "드시", "마시": "드시", "자": "주무시", "있": "계시"}
"""Stems that another word replaces; 있 is to be somewhere or to be doing something."""


def honorific(stem: Stem) -> Stem:
    """The stem with 시, for what the listener does: 가시, 읽으시, 만드시, 드시."""
    return Stem(HONORIFICS.get(stem.text) or linked(stem, "시"), adjective=stem.adjective)


def direct(stem: Stem, ending: str) -> str:
    """Attach an ending that changes nothing but a stem's ㄹ: 먹고, 만들고, 만드는."""
    if final_of(stem.text) == "ㄹ" and ending[0] == "는":
        return with_final(stem.text, "") + ending
    return stem.text + ending


def formal(stem: Stem, tail: str) -> str:
    """The formal polite ending: 습니다 after a consonant, ㅂ니다 after a vowel or ㄹ."""
    final = final_of(stem.text)
    if final in ("", "ㄹ"):
        return with_final(stem.text, "ㅂ") + tail
    return stem.text + "습" + tail


def modifier(stem: Stem, in_past: bool = False) -> str:
    """The form a predicate takes before the noun it describes."""
    if stem.exists:
        return stem.text + ("던" if in_past else "는")
    if in_past and (stem.adjective or stem.copula):
        return past(stem) + "던"
    if in_past or stem.adjective or stem.copula:
        return linked(stem, "ㄴ")
    return direct(stem, "는")


def that_clause(stem: Stem) -> str:
    """The present form before 말하다 or 생각하다: 비싸다고, 읽는다고, 간다고, 의사라고."""
    if stem.copula:
        noun = stem.text[:-1]
        return noun + ("이라고" if final_of(noun) else "라고")
    if stem.adjective or stem.exists:
        return stem.text + "다고"
    if final_of(stem.text) in ("", "ㄹ"):
        return with_final(stem.text, "ㄴ") + "다고"
    return stem.text + "는다고"


def _inflect_past(stem: Stem, ending: Ending) -> str | None:
    """Endings that carry the past themselves; None for those that leave it to the main clause."""
    if ending is Ending.MODIFIER:
        return modifier(stem, in_past=True)
    tails = {
        Ending.STATEMENT: "습니다",
        Ending.QUESTION: "습니까",
        Ending.AND: "고",
        Ending.BUT: "지만",
        Ending.WHEN: "을 때",
        Ending.THAT: "다고",
    }
    return past(stem) + tails[ending] if ending in tails else None


def _request(stem: Stem) -> str:
    """Please do: 주다 is not said twice, and 도와주다 is written as one word."""
    if stem.text[-1] == "주":
        return stem.text + "십시오"
    return infinitive(stem) + ("주십시오" if stem.text == "돕" else " 주십시오")


def _inflect_present(stem: Stem, ending: Ending) -> str | None:
    """Endings whose form depends on more than one attached piece."""
    if ending is Ending.STATEMENT:
        return formal(stem, "니다")
    if ending is Ending.QUESTION:
        return formal(stem, "니까")
    if ending is Ending.MODIFIER:
        return modifier(stem)
    if ending is Ending.DURING:
        return modifier(stem) + " 동안"
    if ending is Ending.THAT:
        return that_clause(stem)
    if ending is Ending.RESULT:
        return infinitive(stem) + "서"
    if ending is Ending.REQUEST:
        return _request(stem)
    return None


@cache
def inflect(stem: Stem, ending: Ending, in_past: bool = False) -> str:
    """The finished predicate; a space inside it starts a new written word ("먹었을 때")."""
    text = _inflect_past(stem, ending) if in_past else None
    text = text or _inflect_present(stem, ending)
    if text:
        return text
    endings = {Ending.WHEN: "ㄹ 때", Ending.AFTER: "ㄴ 후에", Ending.SUGGESTION: "ㅂ시다"}
    endings |= {Ending.IF: "면", Ending.WHILE: "면서", Ending.PURPOSE: "러"}
    if ending in endings:
        return linked(stem, endings[ending])
    return (
        stem.text
        + {
            Ending.AND: "고",
            Ending.SEQUENCE: "고",
            Ending.AND_THEN: "고 나서",
            Ending.BUT: "지만",
            Ending.BEFORE: "기 전에",
            Ending.PROHIBITION: "지 마십시오",
        }[ending]
    )
