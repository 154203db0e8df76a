"""Closed word classes of English that the question rules build on. Data only."""

from reference_pipeline.questions.phrases import word_set

__all__ = [
    "ADVERBS",
    "ARTICLES",
    "AUXILIARIES",
    "BE",
    "CONNECTORS",
    "DETERMINERS",
    "DO_SUPPORT",
    "EMBEDDERS",
    "FRONTING",
    "FUNCTION_WORDS",
    "MODALS",
    "POSSESSIVES",
    "PREPOSITIONS",
    "SUBJECTS",
    "WH",
]

WH = word_set("what why how when where which who whose whom")

BE = word_set("is are was were am")
DO_SUPPORT = word_set("do does did")
MODALS = word_set("can could would should will shall might may must")
PERFECT = word_set("have has had")
AUXILIARIES = BE | DO_SUPPORT | MODALS | PERFECT

SUBJECTS = word_set("you i we they he she it there this that these those")
ARTICLES = word_set("the a an")
POSSESSIVES = word_set("your our my his her their its")
DETERMINERS = POSSESSIVES | ARTICLES | word_set("any all some each every both many most")

PREPOSITIONS = word_set("in on at for with to from by about of under over within through during into between")

ADVERBS = word_set(
    "exactly actually then else specifically typically usually really ever also precisely personally "
    "generally normally first currently so far still just"
)

CONNECTORS = word_set("and but so or then also plus")

FRONTING = word_set(
    "if when whenever given suppose supposing imagine assuming assume say as in on for during after "
    "before while with since considering traditionally historically apart besides other from among "
    "looking thinking based once because although speaking regarding generally having knowing under "
    "at without over of out let's where between outside both to"
)
"""First words of what may stand before the inversion and belongs to the question ("if you could ...")."""

EMBEDDERS = word_set(
    "know knew knows knowing known understand understood see saw seen seeing learn learned learnt "
    "realise realised realize realized remember remembered decide decided deciding out explain "
    "explained explaining describe described show showed shows shown showing discover discovered "
    "forget forgot care cares matter matters sure is was are were be been about of on into from with "
    "for to at by exactly precisely mean means meant that wonder wondered wondering told tell tells "
    "telling hear heard notice noticed guess imagine check find found define defines than because "
    "like think say said asked ask asking me us them him her not whatever regardless no over discuss "
    "discussed clear determine determines idea question"
)
"""Words after which "what is" and its like are part of the sentence that runs, not a new question."""

FUNCTION_WORDS = (
    WH
    | AUXILIARIES
    | SUBJECTS
    | DETERMINERS
    | PREPOSITIONS
    | ADVERBS
    | CONNECTORS
    | word_set(
        "be been being not me us them him her one ones other than as if because while please tell "
        "give like such way get got something anything thing things kind sort type"
    )
)
"""Words that say nothing about what a question is about."""
