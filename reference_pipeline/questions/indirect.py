"""Questions wrapped in a statement: "i would like to know how", "i wonder whether you could"."""

from reference_pipeline.questions.phrases import PhraseSet, word_set
from reference_pipeline.questions.place import Level, Place

__all__ = ["begins"]

_WRAPPERS = PhraseSet(
    "i/we would really? like/love/be to? know/hear/learn/understand",
    "i/we would really? like/love to know/hear/learn/understand/ask/see/explore/discuss",
    "i/we would like/love/need/want you to",
    "i/we want/wanted/need you to tell/explain/describe/walk/give/talk/think/imagine/design/write/show",
    "i want/need to know/hear/understand/ask",
    "we want/need to know/hear/understand/ask",
    "i wanted to ask/know/hear",
    "i/we would be/really? curious/interested/keen/happy to/in/about/how/whether/if/what *?",
    "i would be? curious/interested/keen",
    "i/we wonder if/whether/how/what/why/which/when/where/who",
    "i/we am/was/are/were just? wondering",
    "i/we am/are really/very/also/quite? curious",
    "i/we am/are really/very/also/quite? interested in/to *",
    "i/we am/are really/very/also? keen/eager to hear/know/learn/understand",
    "curious about/how/if/whether/to/what/why",
    "wondering if/whether/how/what/why/about",
    "my next/first/last/second/final/main/other? question is/would",
    "let me ask you? about/how/what/why/which/if/whether",
    "can/may/could i ask you? about/how/what/why/which/if/whether",
    "it would be great/good/helpful/nice/interesting/useful to hear/know/understand/learn",
    "it would be great/good/helpful/nice/interesting/useful if you/we could",
    "what i would like/love to know/hear/understand is",
    "what i want to know/hear/understand is",
    "maybe/perhaps? you can/could/might tell/explain/describe/walk/talk/share/give/elaborate/start",
    "perhaps/maybe you can/could/might *",
    "if you could/would/can? please/just? tell/explain/describe/walk/talk/share/give/elaborate "
    "me/us/a/your/how/on *?",
    "your thoughts/opinion/view/views/take/experience/favourite/approach on/about/with/of/to",
    "interested to hear/know",
    "love to hear/know",
    "like to know/hear",
    "i would ask you",
    "please can/could/would",
    "we are asking",
    "i am asking",
)

_THINKING_ALOUD = word_set(
    "always never not that because when who what all as which he she they if everything anything "
    "things people also still often used would"
)
"""Words before the wrapper that turn it into a tale ("i always wanted to know how")."""


def begins(place: Place) -> int:
    """Return how many words the wrapper takes; 0 where none begins."""
    if place.level == Level.INSIDE and place.form(-1) in _THINKING_ALOUD:
        return 0
    return _WRAPPERS.match(place.forms, place.at)
