"""Adjectives, places, times, adverbs, determiners and numbers."""

from dataclasses import replace

from lexicon import Place, Time, adjectives, rows

ADJECTIVES = (
    *adjectives(
        "both",
        """
        big 크다 sized
        small 작다 sized
        expensive 비싸다 priced
        cheap 싸다 priced
        heavy 무겁다/ㅂ heavy
        long 길다 long
        short 짧다 long
        red 빨갛다/ㅎ col red
        blue 파랗다/ㅎ col blue
        white 하얗다/ㅎ col white
        black 까맣다/ㅎ col black
        delicious 맛있다 tasty
        hot 뜨겁다/ㅂ hot
        cold 차갑다/ㅂ cold
        interesting 재미있다 dull
        boring 지루하다 dull
        difficult 어렵다/ㅂ hard
        easy 쉽다/ㅂ hard
        important 중요하다 important
        famous 유명하다 fame famous_thing
        kind 친절하다 person
        smart 똑똑하다 person
        diligent 부지런하다 person
        tall 키가_크다 tall
        cute 귀엽다/ㅂ cute
        pretty 예쁘다 pretty
        beautiful 아름답다/ㅂ beautiful
        clean 깨끗하다 clean neat
        quiet 조용하다 calm
        sad 슬프다 sad
        """,
    ),
    *adjectives("before", "young 젊다 adult\nold 오래되다 aged\ngood 좋다 good"),
    *(replace(entry, before="새") for entry in adjectives("before", "new 새롭다/ㅂ aged")),
)

MOODS = adjectives(
    "after",
    """
    tired 피곤하다
    busy 바쁘다
    hungry 배고프다
    thirsty 목마르다/르
    sick 아프다
    happy 행복하다
    sad 슬프다
    """,
)

WEATHER = adjectives("after", "good 좋다\nbad 나쁘다\ncold 춥다/ㅂ\nhot 덥다/ㅂ\nwarm 따뜻하다")

LONG = frozenset(
    ["expensive", "delicious", "interesting", "boring", "difficult", "important", "famous", "diligent", "beautiful"]
)
"""Adjectives compared with "more"."""


def _places(text: str) -> dict[str, Place]:
    """Read the list of places; English is written as preposition+article+name."""
    found = {}
    for english, (ko, *tags) in rows(text):
        prep, _, name = english.partition(" ")
        bare = not name.startswith("the ")
        name = name.removeprefix("the ")
        found[name] = Place(name, ko, prep, bare, frozenset(tags))
    return found


PLACES = _places(
    """
    at_home 집 indoor
    at_school 학교 indoor
    in_the_library 도서관 indoor visit calm sized aged
    in_the_park 공원 outdoor visit calm sized beautiful
    at_the_market 시장 outdoor visit calm sized famous_thing
    at_the_hospital 병원 indoor sized aged neat
    at_the_station 역
    at_the_restaurant 식당 indoor calm sized aged famous_thing neat near
    at_the_cafe 카페 indoor calm sized aged famous_thing near
    at_the_museum 박물관 indoor visit sized aged famous_thing
    at_the_office 사무실 indoor calm neat
    at_the_bookstore 서점 indoor sized aged near
    at_the_theater 극장 indoor sized aged famous_thing near
    at_the_airport 공항
    at_the_bakery 빵집 indoor sized famous_thing near
    at_the_store 가게 indoor sized near
    at_the_zoo 동물원 outdoor visit sized
    at_the_beach 해변 outdoor visit calm beautiful neat
    in_the_garden 정원 outdoor beautiful sized
    in_the_kitchen 부엌 indoor neat
    in_the_room 방 indoor calm neat sized
    on_the_street 거리 outdoor
    in_Seoul 서울 city
    in_Busan 부산 city
    on_Jeju_Island 제주도 city
    """
)


def _times(span: str, tenses: str, text: str, clock: bool = False) -> tuple[Time, ...]:
    return tuple(Time(en, ko, frozenset(tenses.split()), span, clock) for en, (ko, *_) in rows(text))


TIMES = (
    *_times("short", "past", "yesterday 어제\nlast_weekend 지난_주말에"),
    *_times("short", "past", "last_night 어젯밤에\nthis_morning 오늘_아침에", True),
    *_times("week", "past", "last_week 지난주에"),
    *_times("long", "past", "last_year 작년에"),
    *_times("short", "future", "tomorrow 내일\nthis_weekend 이번_주말에"),
    *_times("short", "future", "tonight 오늘_밤에\ntomorrow_morning 내일_아침에", True),
    *_times("week", "future", "next_week 다음_주에"),
    *_times("long", "future", "next_year 내년에"),
    *_times("short", "past future", "today 오늘"),
    *_times("short", "habit", "every_day 매일\non_weekends 주말에"),
    *_times("short", "habit", "every_morning 매일_아침", True),
    *_times("short", "progressive", "now 지금"),
)

FREQUENCY = {"always": "항상", "often": "자주", "sometimes": "가끔"}

MANNERS = {
    "quickly": "빨리",
    "slowly": "천천히",
    "quietly": "조용히",
    "early": "일찍",
    "late": "늦게",
    "late:until": "늦게까지",
    "hard": "열심히",
    "again": "다시",
}

DEGREES = {"very": "매우", "too": "너무"}

NUMBERS = {"two": "두", "three": "세", "four": "네", "five": "다섯"}

OWNERS = {"my": "제", "our": "우리"}

PRONOUNS = {"I": "저", "we": "우리", "he": "그", "she": "그녀", "they": "그들"}

OBJECT_PRONOUNS = {"me": "저", "us": "우리", "him": "그", "her": "그녀", "them": "그들"}
