"""Frames: how each verb may be used, so that what comes out is something people say."""

from lexicon import Frame, Noun
from nouns import tagged
from verbs import VERBS


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.replace("_", " ") for name in text.split())


def _without_elders(people: tuple[Noun, ...]) -> tuple[Noun, ...]:
    """People one can do something to with 에게; a teacher would ask for 께 and 드리다."""
    return tuple(noun for noun in people if "elder" not in noun.tags)


def _frame(
    verb: str,
    objects: str = "",
    places: str = "",
    *,
    uses: str = "pfhgmr",
    article: str = "any",
    case: str = "를",
    site: str = "에서",
    toward: str = "",
    spots: str = "",
    receivers: str = "",
    manners: str = "",
    who: str = "person",
    themes: str = "",
    company: bool = False,
) -> Frame:
    """One frame; the fields are explained on `lexicon.Frame`."""
    chosen = tagged(objects)
    if objects and not chosen:
        raise ValueError(f"no noun is tagged {objects!r}")
    if case == "에게":
        chosen = _without_elders(chosen)
    return Frame(
        verb=VERBS[verb.replace("_", " ")],
        objects=chosen,
        article=article,
        case=case,
        places=_names(places),
        site=site,
        toward=toward,
        spots=_names(spots),
        receivers=_without_elders(tagged(receivers)),
        manners=_names(manners),
        uses=uses,
        who=who,
        themes=frozenset(themes.split()),
        company=company,
    )


# fmt: off
FRAMES = (
    # Food and drink
    _frame("eat", "food", "restaurant cafe kitchen park home beach garden", uses="pfhgmrn",
           manners="slowly quickly", themes="hunger", company=True),
    _frame("eat", "meal", "restaurant home cafe", article="bare", manners="slowly quickly early late",
           themes="hunger", company=True),
    _frame("eat", "cool_food", "park home beach cafe", manners="slowly", themes="heat", company=True),
    _frame("drink", "drink", "cafe home office park restaurant garden", uses="pfhgmrn", manners="slowly quickly",
           themes="thirst", company=True),
    _frame("drink", "cup", "cafe home restaurant", uses="pfhgmrn", manners="slowly", themes="chill", company=True),
    _frame("make", "make", "kitchen home", uses="pfhgmrn", manners="quickly", themes="hunger", company=True),
    _frame("cook", "cook", "kitchen home restaurant", manners="quickly slowly", themes="hunger", company=True),
    _frame("bake", "bake", "kitchen home bakery", uses="pfhgmrn", themes="hunger indoor", company=True),
    # Reading, study and work
    _frame("read", "read", "library cafe park home room garden school office beach", uses="pfhgmrn",
           manners="quietly slowly again", themes="indoor"),
    _frame("write", "write", "library cafe home office room", uses="pfhgmn", manners="quickly",
           themes="indoor"),
    _frame("borrow", "borrow", "library", uses="pfmrn", manners="again"),
    _frame("study", "study", "library school cafe home", uses="pfhgmrl", article="bare",
           manners="hard quietly", themes="test", company=True),
    _frame("teach", "study", "school library", uses="pfhgml", article="bare", toward="person", receivers="pupil"),
    _frame("learn", "study sport", "school", uses="pfhgml", article="bare", manners="quickly", company=True),
    _frame("solve", "solve", "library school", uses="pfgmrn", manners="quickly slowly again",
           themes="test", company=True),
    _frame("answer", "answer", uses="pfmr", article="the", case="에", manners="quickly slowly again"),
    _frame("ask", "way", uses="pf", article="the", toward="ask", receivers="worker"),
    _frame("finish", "finish", "office library school home", uses="pfm", article="the", manners="quickly early late"),
    _frame("work", places="office hospital restaurant market store museum", uses="pfhgml",
           manners="hard late:until quietly", company=True),
    _frame("fix", "fix", "home", uses="pfgmr", manners="quickly again", company=True),
    _frame("clean", "cleanable", uses="pfhgmr", article="the", manners="quickly early", themes="indoor",
           company=True),
    _frame("build", "building", "Seoul Busan Jeju_Island", uses="pfgmnl", site="에", who="builder"),
    # Shopping
    _frame("buy", "grocery", "market store", uses="pfhmrn", themes="shop"),
    _frame("buy", "bakery", "bakery", uses="pfhmrn", themes="shop hunger"),
    _frame("buy", "bookshop", "bookstore", uses="pfmrn", themes="shop"),
    _frame("buy", "goods giving", "store market", uses="pfmrn", themes="shop"),
    _frame("buy", "ticket", "station theater airport museum", uses="pfmrn", themes="shop"),
    _frame("buy", "own instrument", uses="pfmnl", themes="shop"),
    _frame("sell", "grocery", "market store", uses="pfhgn", who="seller"),
    _frame("sell", "bakery", "bakery market", uses="pfhgn", who="seller"),
    _frame("choose", "goods gift", "store", uses="pfmrn", manners="quickly", company=True),
    # Leisure
    _frame("watch", "movie", "theater home", manners="again quietly", themes="indoor", company=True),
    _frame("watch", "concert", "theater park", manners="quietly", company=True),
    _frame("watch", "match", "home", themes="indoor", company=True),
    _frame("watch", "television", "home room", article="bare", manners="late:until", themes="indoor rest",
           company=True),
    _frame("listen to", "listen", "home room cafe park", article="the", manners="quietly again", themes="indoor",
           company=True),
    _frame("play:sport", "play", "park school beach", article="bare", manners="hard", themes="outdoor", company=True),
    _frame("play:tennis", "hit", "park school", article="bare", manners="hard", themes="outdoor", company=True),
    _frame("play:instrument", "instrument", "school home room", article="the", manners="quietly again",
           themes="joy indoor"),
    _frame("sing", "song", "park school room theater", uses="pfhgmrn", manners="quietly again",
           themes="joy", company=True),
    _frame("draw", "draw animal", "park school room garden", uses="pfgmrn", manners="quickly slowly",
           company=True),
    _frame("make", "make_toy", "room school home", uses="pfgmn", company=True),
    _frame("take:photo", "photo", "park beach museum zoo garden street", uses="pfgmrn", article="new",
           themes="outdoor", company=True),
    _frame("walk", places="park beach garden street", manners="slowly quietly", themes="outdoor", company=True),
    _frame("run", places="park beach street", manners="slowly quickly", themes="outdoor", company=True),
    _frame("swim", places="beach", manners="quickly slowly", themes="heat", company=True),
    _frame("rest", places="home room garden park beach", manners="quietly", themes="rest", company=True),
    _frame("sleep", places="home room", themes="rest"),
    _frame("sit on", "seat", "garden park cafe", uses="pmr", article="the", case="에", manners="quietly slowly"),
    _frame("laugh", places="room cafe park street", uses="pg", themes="joy"),
    _frame("cry", places="room park street", uses="pg", manners="quietly", themes="sorrow"),
    # Other people
    _frame("meet", "person", "park station cafe restaurant library museum airport beach", uses="pfhml",
           manners="again"),
    _frame("help", "person", "school hospital office market airport", uses="pfhgmrl", manners="again"),
    _frame("wait for", "person", "station airport cafe park", uses="pfgmr", manners="quietly"),
    _frame("call", "person", "home office", uses="pfhmr", case="에게", manners="again"),
    _frame("talk with", "person", "cafe park office restaurant street", uses="pfhgmr", case="와",
           manners="quietly again"),
    _frame("give", "gift giving", "home school office park", uses="pfmrn", toward="person", receivers="person"),
    _frame("send", "send giving", "office", uses="pfmrn", toward="person", receivers="person",
           manners="again quickly"),
    _frame("show", "show", "school museum cafe", uses="pfmrn", toward="person", receivers="person", manners="again"),
    # Things at hand
    _frame("open", "opened open", uses="pfmr", manners="quietly slowly quickly"),
    _frame("close", "opened", uses="pfmr", article="the", manners="quietly slowly quickly", themes="chill"),
    _frame("put:on", "small", uses="pfmrn", toward="on", receivers="surface",
           manners="quietly"),
    _frame("put:in", "small", uses="pfmrn", toward="in", receivers="container"),
    _frame("look for", "lost", "room home office park station beach", uses="pfgm", manners="again"),
    _frame("pick up", "picked", "park street garden beach", uses="pgmrn", manners="quickly"),
    _frame("plant", "grow tree", "garden park", uses="pfgmnl", site="에", company=True),
    _frame("raise", "pet", "home", uses="pfgmnlo"),
    _frame("wear:cloth", "worn", uses="pfhgm"),
    _frame("wear:cloth", "warm_cloth", uses="pfhgm", themes="cold"),
    _frame("wear:hat", "hat", uses="pfhgm"),
    _frame("wear:foot", "foot", uses="pfhgm"),
    # Getting about
    _frame("go", uses="pfhmr", toward="to", manners="early late quickly again", company=True,
           spots="school library park market hospital station restaurant cafe museum office bookstore theater "
           "airport bakery store zoo beach home Seoul Busan Jeju_Island"),
    _frame("go", uses="pfhm", toward="to", spots="park zoo beach market", themes="outdoor", company=True),
    _frame("go", uses="pfm", toward="to", spots="home", themes="rest", manners="early"),
    _frame("come", uses="pfhm", toward="to", manners="early late again", company=True,
           spots="school library park office home Seoul Busan Jeju_Island"),
    _frame("arrive", uses="pf", toward="at", manners="early late", company=True,
           spots="school library park hospital station restaurant office airport theater museum Seoul Busan"),
    _frame("visit", uses="pfhml", toward="object", manners="again", company=True,
           spots="museum zoo library park market Seoul Busan Jeju_Island"),
    _frame("live", uses="pfhgmlo", toward="at", spots="Seoul Busan Jeju_Island", company=True),
    _frame("ride", "ridden", "park beach", uses="pfhgmr", manners="slowly", themes="outdoor", company=True),
    _frame("take:transit", "transit", uses="pfhm", article="the", themes="hurry", company=True),
    _frame("wait for", "transit", uses="pfgmr", article="the"),
    _frame("drive", "road", uses="pfhgm", manners="slowly quickly"),
)

STATES = (
    _frame("like", "food drink animal study sport flower music liked", uses="pn", article="generic"),
    _frame("love", "pet flower music", uses="p", article="generic"),
    _frame("love", "kin", uses="p"),
    _frame("know", "person", uses="p"),
    _frame("know", "known", uses="p", article="the"),
)

ANIMAL_FRAMES = (
    _frame("eat", "animal_meat", uses="pg", manners="slowly quickly", who="hunter"),
    _frame("eat", "animal_fruit", uses="pg", manners="slowly quickly", who="grazer"),
    _frame("drink", "animal_drink", uses="pg", manners="slowly quickly", who="animal"),
    _frame("sleep", uses="pg", manners="quietly", who="animal"),
    _frame("run", uses="pg", manners="quickly slowly", who="animal"),
    _frame("rest", uses="pg", manners="quietly", who="animal"),
    _frame("bark", uses="pg", who="dog"),
)
"""Where an animal does something depends on the animal; see `HABITATS`."""

HABITATS = {
    "pet": _names("garden park room kitchen street"),
    "zoo": _names("zoo"),
    "wild": _names("park beach garden"),
}
# fmt: on

THEMES = {
    theme: tuple(frame for frame in FRAMES if theme in frame.themes)
    for theme in [
        "hunger",
        "thirst",
        "heat",
        "chill",
        "cold",
        "rest",
        "indoor",
        "outdoor",
        "joy",
        "sorrow",
        "test",
        "shop",
        "hurry",
    ]
}
