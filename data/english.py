"""English morphology: plurals, verb forms, comparatives and the choice between a and an."""

VOWELS = "aeiou"

PLURALS = {"man": "men", "woman": "women", "child": "children", "knife": "knives", "leaf": "leaves"}

PASTS = {
    "be": "was", "build": "built", "buy": "bought", "catch": "caught", "choose": "chose", "come": "came",
    "cut": "cut", "draw": "drew", "drink": "drank", "drive": "drove", "eat": "ate", "find": "found",
    "fly": "flew", "forget": "forgot", "give": "gave", "go": "went", "grow": "grew", "have": "had",
    "hear": "heard", "hide": "hid", "know": "knew", "leave": "left", "lie": "lay", "lose": "lost",
    "make": "made", "meet": "met", "put": "put", "read": "read", "ride": "rode", "run": "ran",
    "say": "said", "sell": "sold", "send": "sent", "sing": "sang", "sit": "sat", "sleep": "slept",
    "swim": "swam", "take": "took", "teach": "taught", "tell": "told", "think": "thought",
    "throw": "threw", "wear": "wore", "write": "wrote",
}  # fmt: skip

DOUBLING = {"cut", "get", "put", "run", "sit", "swim", "forget"}
"""Verbs that double their last consonant before -ing and -ed."""

SILENT = {"hour", "honest"}
YOD = {"useful"}
"""Words whose first letter misleads the choice between a and an."""


def article(following: str) -> str:
    """a or an, by the sound that follows."""
    vowel = following[0].lower() in VOWELS or following in SILENT
    return "an" if vowel and following not in YOD else "a"


def plural(noun: str) -> str:
    """Plural of a noun; of the last word when the noun has several."""
    head, _, last = noun.rpartition(" ")
    if last in PLURALS:
        last = PLURALS[last]
    elif last[-1] == "y" and last[-2] not in VOWELS:
        last = last[:-1] + "ies"
    elif last.endswith(("s", "x", "ch", "sh", "tato", "mato")):
        last += "es"
    else:
        last += "s"
    return f"{head} {last}".strip()


def third(verb: str) -> str:
    """Third person singular, present tense."""
    irregular = {"have": "has", "be": "is", "go": "goes", "do": "does"}
    return irregular.get(verb) or plural(verb)


def past(verb: str) -> str:
    """Simple past."""
    if verb in PASTS:
        return PASTS[verb]
    if verb[-1] == "y" and verb[-2] not in VOWELS:
        return verb[:-1] + "ied"
    return verb + ("d" if verb[-1] == "e" else "ed")


def gerund(verb: str) -> str:
    """The -ing form."""
    if verb.endswith("ie"):
        return verb[:-2] + "ying"
    if verb in DOUBLING:
        return verb + verb[-1] + "ing"
    return (verb[:-1] if verb[-1] == "e" and verb[-2] != "e" else verb) + "ing"


def comparative(adjective: str) -> str:
    """The comparative of a short adjective; long ones take "more" and are not passed here."""
    if adjective[-1] == "y":
        return adjective[:-1] + "ier"
    if adjective in ("big", "hot"):
        return adjective + adjective[-1] + "er"
    return adjective + ("r" if adjective[-1] == "e" else "er")
