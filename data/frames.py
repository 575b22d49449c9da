"""Frames: how each verb may be used, so that what comes out is something people say."""

from lexicon import Frame
from nouns import tagged
from verbs import VERBS


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.replace("_", " ") for name in text.split())


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
    return Frame(
        verb=VERBS[verb.replace("_", " ")],
        objects=chosen,
        article=article,
        case=case,
        places=_names(places),
        site=site,
        toward=toward,
        spots=_names(spots),
        receivers=tagged(receivers),
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
    _frame("eat", "meal", "restaurant home hotel cafe", article="bare", manners="slowly quickly early late",
           themes="hunger", company=True),
    _frame("eat", "cool_food", "park home beach cafe", manners="slowly", themes="heat", company=True),
    _frame("drink", "drink", "cafe home office park restaurant garden", uses="pfhgmrn", manners="slowly quickly",
           themes="thirst", company=True),
    _frame("drink", "cup", "cafe home restaurant", uses="pfhgmrn", manners="slowly", themes="chill", company=True),
    _frame("make", "make", "kitchen home", uses="pfhgmrn", manners="quickly", themes="hunger", company=True),
    _frame("cook", "cook", "kitchen home restaurant", manners="quickly slowly", themes="hunger", company=True),
    _frame("bake", "bake", "kitchen home bakery", uses="pfhgmrn", themes="hunger indoor", company=True),
    _frame("cut", "cut", "kitchen", uses="pfgmrn", manners="quickly slowly carefully"),
    _frame("wash", "wash", "kitchen", uses="pfgmrn", manners="quickly carefully"),
    _frame("pour", "pour", uses="pfgmr", toward="into", receivers="vessel", manners="slowly carefully"),
    _frame("prepare", "meal", uses="pfgmr", article="bare", manners="early", company=True),
    _frame("prepare", "prepare", uses="pfgmr", article="the", manners="early", company=True),
    # Reading, study and work
    _frame("read", "read", "library cafe park home room garden school office beach", uses="pfhgmrn",
           manners="quietly slowly again carefully", themes="indoor"),
    _frame("write", "write", "library cafe home office room", uses="pfhgmn", manners="quickly carefully",
           themes="indoor"),
    _frame("borrow", "borrow", "library", uses="pfmrn", manners="again"),
    _frame("study", "study", "library school cafe home classroom", uses="pfhgmrl", article="bare",
           manners="hard quietly", themes="test", company=True),
    _frame("teach", "study", "school library", uses="pfhgml", article="bare", toward="person", receivers="pupil"),
    _frame("learn", "study sport", "school", uses="pfhgml", article="bare", manners="quickly", company=True),
    _frame("solve", "solve", "library school classroom", uses="pfgmrn", manners="quickly slowly again",
           themes="test", company=True),
    _frame("explain", "explained", "office school", uses="pfmr", article="the", toward="person", receivers="person",
           manners="slowly again carefully"),
    _frame("answer", "answer", uses="pfmr", article="the", case="에", manners="quickly slowly carefully again"),
    _frame("ask", "way", uses="pf", article="the", toward="ask", receivers="worker"),
    _frame("finish", "finish", "office library school home", uses="pfm", article="the", manners="quickly early late"),
    _frame("work", places="office hospital restaurant bank market store hotel museum", uses="pfhgml",
           manners="hard late quietly", company=True),
    _frame("use", "tool", uses="pfhgmr", manners="carefully"),
    _frame("fix", "fix", "home", uses="pfgmr", manners="quickly carefully again", company=True),
    _frame("clean", "cleanable", uses="pfhgmr", article="the", manners="quickly hard early", themes="indoor",
           company=True),
    _frame("build", "building", "Seoul Busan Daegu Jeju_Island", uses="pfgmnl", site="에", who="builder"),
    # Shopping
    _frame("buy", "grocery", "market store", uses="pfhmrn", themes="shop"),
    _frame("buy", "bakery", "bakery", uses="pfhmrn", themes="shop hunger"),
    _frame("buy", "bookshop", "bookstore", uses="pfmrn", themes="shop"),
    _frame("buy", "goods giving", "store department_store market", uses="pfmrn", themes="shop"),
    _frame("buy", "ticket", "station theater airport museum", uses="pfmrn", themes="shop"),
    _frame("buy", "own instrument", uses="pfmnl", themes="shop"),
    _frame("sell", "grocery", "market store", uses="pfhgn", who="seller"),
    _frame("sell", "bakery", "bakery market", uses="pfhgn", who="seller"),
    _frame("choose", "goods gift", "store department_store", uses="pfmrn", manners="carefully quickly", company=True),
    # Leisure
    _frame("watch", "movie", "theater home", manners="again quietly", themes="indoor", company=True),
    _frame("watch", "concert", "theater park", manners="quietly", company=True),
    _frame("watch", "match", "home gym", themes="indoor", company=True),
    _frame("watch", "television", "home room hotel", article="bare", manners="late", themes="indoor rest",
           company=True),
    _frame("listen to", "listen", "home room cafe park", article="the", manners="quietly again", themes="indoor",
           company=True),
    _frame("practice", "instrument song", "school home room", article="the", manners="hard", company=True),
    _frame("practice", "sport", "school park gym", article="bare", manners="hard", company=True),
    _frame("play:sport", "play", "park school beach", article="bare", manners="hard", themes="outdoor", company=True),
    _frame("play:tennis", "hit", "park school", article="bare", manners="hard", themes="outdoor", company=True),
    _frame("play:instrument", "instrument", "school home room", article="the", manners="well quietly again",
           themes="joy indoor"),
    _frame("sing", "song", "park school room theater", uses="pfhgmrn", manners="loudly quietly again well",
           themes="joy", company=True),
    _frame("dance", places="park school room theater", manners="again", themes="joy", company=True),
    _frame("draw", "draw animal", "park school room garden", uses="pfgmrn", manners="quickly slowly carefully",
           company=True),
    _frame("make", "make_toy", "room school home classroom", uses="pfgmn", manners="carefully", company=True),
    _frame("take:photo", "photo", "park beach museum zoo garden street", uses="pfgmrn", article="new",
           themes="outdoor", company=True),
    _frame("walk", places="park beach garden street", manners="slowly quietly", themes="outdoor", company=True),
    _frame("run", places="park beach street gym", manners="slowly quickly", themes="outdoor", company=True),
    _frame("exercise", places="gym park home beach", manners="hard early", company=True),
    _frame("swim", places="pool beach", manners="quickly slowly", themes="heat", company=True),
    _frame("rest", places="home room garden park hotel beach", manners="quietly well", themes="rest", company=True),
    _frame("sleep", places="home room hotel", manners="well", themes="rest"),
    _frame("lie down on", "lying", uses="pm", article="the", case="에", manners="early quietly slowly", themes="rest"),
    _frame("sit on", "seat", "garden park cafe", uses="pmr", article="the", case="에", manners="quietly slowly"),
    _frame("laugh", places="room classroom cafe park street", uses="pg", manners="loudly quietly", themes="joy"),
    _frame("cry", places="room park street classroom", uses="pg", manners="loudly quietly", themes="sorrow"),
    # Other people
    _frame("meet", "person", "park station cafe restaurant library museum airport beach", uses="pfhml",
           manners="again"),
    _frame("help", "person", "school hospital office market airport", uses="pfhgmrl", manners="again"),
    _frame("wait for", "person", "station airport cafe park hotel", uses="pfgmr", manners="quietly"),
    _frame("call", "person", "home office", uses="pfhmr", case="에게", manners="again"),
    _frame("talk with", "person", "cafe park office restaurant street", uses="pfhgmr", case="와",
           manners="quietly loudly again"),
    _frame("give", "gift giving", "home school office park", uses="pfmrn", toward="person", receivers="person"),
    _frame("send", "send giving", "post_office office", uses="pfmrn", toward="person", receivers="person",
           manners="again quickly"),
    _frame("show", "show", "school museum cafe", uses="pfmrn", toward="person", receivers="person", manners="again"),
    _frame("throw", "throw", "park beach gym", uses="pfmr", toward="person", receivers="person",
           manners="slowly quickly"),
    # Things at hand
    _frame("open", "opened open", uses="pfmr", manners="quietly slowly quickly carefully"),
    _frame("close", "opened", uses="pfmr", article="the", manners="quietly slowly quickly carefully", themes="chill"),
    _frame("carry", "carry", uses="pfgmrn", manners="slowly carefully quickly", company=True),
    _frame("put:on", "small", uses="pfmrn", toward="on", receivers="surface",
           manners="carefully quietly"),
    _frame("put:in", "small", uses="pfmrn", toward="in", receivers="container", manners="carefully"),
    _frame("look for", "lost", "room home office park station beach", uses="pfgm", manners="carefully again"),
    _frame("lose", "lost", "park station street beach market airport", uses="p"),
    _frame("pick up", "picked", "park street garden beach", uses="pgmrn", manners="quickly carefully"),
    _frame("plant", "grow tree", "garden park", uses="pfgmnl", site="에", manners="carefully", company=True),
    _frame("raise", "pet", "home", uses="pfgmnlo"),
    _frame("raise", "farm", uses="pfgmnlo"),
    _frame("wear:cloth", "worn", uses="pfhgm"),
    _frame("wear:cloth", "warm_cloth", uses="pfhgm", themes="cold"),
    _frame("wear:hat", "hat", uses="pfhgm"),
    _frame("wear:foot", "foot", uses="pfhgm"),
    _frame("wear:hand", "hand", uses="pfhgm", themes="cold"),
    # Getting about
    _frame("go", uses="pfhmr", toward="to", manners="early late quickly again", company=True,
           spots="school library park market hospital station restaurant cafe museum bank office bookstore theater "
           "airport post_office bakery store department_store zoo gym pool beach home Seoul Busan Daegu Jeju_Island"),
    _frame("go", uses="pfhm", toward="to", spots="park zoo beach market pool", themes="outdoor", company=True),
    _frame("go", uses="pfm", toward="to", spots="home", themes="rest", manners="early"),
    _frame("come", uses="pfhm", toward="to", manners="early late again", company=True,
           spots="school library park office home Seoul Busan Daegu Jeju_Island"),
    _frame("arrive", uses="pf", toward="at", manners="early late", company=True,
           spots="school library park hospital station restaurant office airport hotel theater museum Seoul Busan"),
    _frame("leave", uses="pfml", toward="object", spots="Seoul Busan Daegu hotel hospital office Jeju_Island",
           manners="early late quickly"),
    _frame("visit", uses="pfhml", toward="object", manners="again", company=True,
           spots="museum zoo library park market Seoul Busan Daegu Jeju_Island"),
    _frame("travel around", uses="pfgml", toward="object", spots="Seoul Busan Daegu Jeju_Island", company=True),
    _frame("stay", uses="pfml", toward="at", spots="hotel home", themes="rest indoor", company=True),
    _frame("stay", uses="pfml", toward="at", spots="Seoul Busan Daegu Jeju_Island", company=True),
    _frame("live", uses="pfhgmlo", toward="at", spots="Seoul Busan Daegu Jeju_Island", company=True),
    _frame("ride", "ridden", "park beach", uses="pfhgmr", manners="slowly", themes="outdoor", company=True),
    _frame("take:transit", "transit", uses="pfhm", article="the", themes="hurry", company=True),
    _frame("wait for", "transit", uses="pfgmr", article="the"),
    _frame("drive", "road", uses="pfhgm", manners="slowly carefully quickly"),
)

STATES = (
    _frame("like", "food drink animal study sport flower music liked", uses="pn", article="generic"),
    _frame("love", "pet flower music", uses="p", article="generic"),
    _frame("love", "kin", uses="p"),
    _frame("know", "person", uses="p"),
    _frame("know", "known", uses="p", article="the"),
    _frame("remember", "memory", uses="pf", article="the"),
    _frame("forget", "forgot", uses="pf", article="the"),
)

ANIMAL_FRAMES = (
    _frame("eat", "animal_food", uses="pg", manners="slowly quickly", who="animal", site="에서"),
    _frame("drink", "animal_drink", uses="pg", manners="slowly quickly", who="animal"),
    _frame("sleep", uses="pg", manners="quietly well", who="animal"),
    _frame("run", uses="pg", manners="quickly slowly", who="animal"),
    _frame("rest", uses="pg", manners="quietly", who="animal"),
    _frame("bark", uses="pg", manners="loudly", who="dog"),
    _frame("chase", "chased", uses="pg", manners="quickly", who="dog"),
    _frame("fly", uses="pg", manners="quickly slowly", who="flyer", site="위를"),
)
"""Where an animal does something depends on the animal; see `HABITATS`."""

HABITATS = {
    "pet": _names("garden park room kitchen street"),
    "farm": _names("farm"),
    "zoo": _names("zoo"),
    "flyer": _names("park beach garden farm"),
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
