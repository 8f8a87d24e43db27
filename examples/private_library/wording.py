"""How users describe each call of Dorvex in plain English: grammars of phrases.

`<word>` is replaced by one of pools.WORDS[word], `{slot}` by a field, a value or another part of the task (see tasks.py).
A noun phrase names a result ("the 3 records with the lowest depth"), an order says what to do ("drop the ..."), and a line
stands for itself: a question ("which ...?") or a short note.

Slots: {rec} records, {one} record, {b} and {o} the brods, {S} all records or those that a first call gives, {f} {g} {by}
{new} fields, {fs} values of {f}, {C} {N} {H} {I} conditions.
"""

from examples.private_library.wording_conditions import ARGUMENTS, CHOOSING, OPPOSITE
from examples.private_library.wording_shaping import SHAPING, SHAPING_VARIANTS
from examples.private_library.wording_values import PAIRS, READING, TAILS

# call -> (arguments "kind of field:slots", noun phrases, orders, lines)
SELECTING = {}
VARIANTS: dict[str, tuple] = {}  # call -> another entry, for arguments or views of their own
for _end, _arguments in ARGUMENTS.items():
    for _root in ("torv", "drep"):
        SELECTING[_root + _end] = (_arguments, *CHOOSING[_root])
        if _root == "drep" or _end not in ("or", "un"):  # a missing value is neither above nor at most
            VARIANTS[_root + _end] = (_arguments, *OPPOSITE[_root])
    if _end in ("ek", "or", "un"):
        READING["quen" + _end] = (_arguments, *CHOOSING["quen"])

# ending -> words of the direction, for sorting and for the extreme records
_SORTED = {
    "or": {
        "<a>": "<high>",
        "<c>": "<large>",
        "<z>": "<low>",
        "<A>": "falling",
        "<D>": "descending",
        "<from>": "high to low",
    },
    "un": {
        "<a>": "<low>",
        "<c>": "<small>",
        "<z>": "<high>",
        "<A>": "rising",
        "<D>": "ascending",
        "<from>": "low to high",
    },
}
_SORT = (
    "fn:f",
    "the {rec} sorted by {f}, <a> first|the {rec} from the <a> {f} to the <z>|the {rec} by <A> {f}|"
    "the {rec} in <D> order of {f}|the {rec} ordered by {f} from <from>|the {rec} sorted by {f}, <D>|"
    "the {rec} ordered by <A> {f}|the {rec} in the order of {f}, the <a> at the top|"
    "the {rec} sorted on {f} with the <z> last|the {rec} arranged by {f}, beginning with the <a>|"
    "{rec} sorted by {f} in <D> order|{rec} by {f}, <from>|the {rec} sorted from <a> to <z> {f}",
    "<sort> the {rec} by {f}, <a> first|<sort> the {rec} by {f} in <D> order|<sort> {rec} by <A> {f}|"
    "<sort> the {rec} from the <a> {f} to the <z>|put the {rec} with the <a> {f} first|<sort> by {f}, <D>|"
    "<sort> the {rec} by {f} from <from>|<sort> the {rec} on {f} so that the <a> comes first|"
    "<sort> on the <field> {f}, <a> at the top|bring the {rec} into <D> order of {f}|"
    "put the {rec} in order of {f}, <a> first|<sort> {rec} <D> by {f}|by {f}, <sort> the {rec} from <a> to <z>|"
    "<sort> the {rec} so that {f} is <A>",
    "{rec} by {f}, <a> first|sort: {f}, <D>|sorted by {f} from <from>|in which order are the {rec} by <A> {f}?|"
    "what are the {rec} in <D> order of {f}?",
)
_EXTREME = (
    "fn:f c",
    "the {c} {rec} with the <a> {f}|the <top> {c} {rec} by {f}|those {c} {rec} that have the <a> {f}|"
    "the {c} <c> {rec} by {f}|the {c} {rec} of <a> {f}|the {c} {rec} whose {f} is <a>|the {c} {rec} with <a> {f}|"
    "the {c} <c> {rec} in terms of {f}|<top> {c} {rec} by {f}|the {rec} with the {c} <c> values of {f}|"
    "the <top> {c} of the {rec} by {f}|{c} {rec} with the <a> {f}",
    "<keep> the {c} {rec} with the <a> {f}|<keep> the <top> {c} {rec} by {f}|<keep> the {c} {rec} that have the <a> {f}|"
    "find the {c} {rec} of <a> {f}|<keep> only the {c} {rec} whose {f} is <a>|get the <top> {c} by {f}|"
    "sort the {rec} by {f}, <a> first, and keep {c}|by {f}, <keep> the <c> {c} {rec}|show the {c} {rec} with <a> {f}|"
    "list the {c} {rec} with the <a> {f}, <a> first|limit the {rec} to the {c} with the <a> {f}|"
    "get {c} {rec}, those with the <a> {f}",
    "which {c} {rec} have the <a> {f}?|<top> {c} by {f}|which are the {c} {rec} with the <a> {f}?|"
    "what are the <top> {c} {rec} by {f}?|{c} <a> {f}, whole {rec}",
)


def _turned(entry: tuple, words: dict[str, str]) -> tuple:
    """The entry with the words of a direction."""
    for mark, word in words.items():
        entry = tuple(text.replace(mark, word) for text in entry)
    return entry


for _end, _words in _SORTED.items():
    SELECTING["sil" + _end] = _turned(_SORT, _words)
    SELECTING["pel" + _end] = _turned(_EXTREME, {"<top>": {"or": "top", "un": "bottom"}[_end], **_words})
for _call, _first, _beginning, _top, _leading, _other in (
    ("hask", "first", "beginning", "top", "leading", "after"),
    ("tolk", "last", "end", "bottom", "final", "before"),
):
    SELECTING[_call] = (
        ":c",
        f"the {_first} {{c}} {{rec}}|the {{c}} {{rec}} at the {_beginning}|the {{c}} {{rec}} at the {_top}|"
        f"the {_leading} {{c}} {{rec}}|only the {_first} {{c}} {{rec}}|the {_first} {{c}} of the {{rec}}|"
        f"{_first} {{c}} {{rec}}|the {{c}} {{rec}} that come {_first}|{{c}} {{rec}} from the {_beginning}|"
        f"the {{c}} {{rec}} at the very {_beginning}|the {{c}} {_leading} {{rec}}|just the {_first} {{c}} {{rec}}",
        f"<keep> the {_first} {{c}} {{rec}}|<keep> only the {_first} {{c}} {{rec}}|"
        f"<keep> {{c}} {{rec}} from the {_beginning}|<drop> everything {_other} the {_first} {{c}} {{rec}}|"
        f"<keep> {{c}} {{rec}} at the {_top} of the list|show the {_first} {{c}}|get the {_first} {{c}} {{rec}}|"
        f"cut the list down to the {_first} {{c}} {{rec}}|<keep> just {{c}} {{rec}}, the {_first} ones|"
        f"limit the {{rec}} to the {_first} {{c}}|have a look at the {_first} {{c}} {{rec}}|"
        f"<keep> the {_leading} {{c}} {{rec}} and no others",
        f"{_first} {{c}} only|which are the {_first} {{c}} {{rec}}?|what are the {_first} {{c}} {{rec}}?|"
        f"only the {{c}} {{rec}} at the {_beginning}",
    )
SELECTING |= {
    "fenn": (
        ":s",
        "every {s}th {one}|one of every {s} {rec}|each {s}th {one}|every {s}th of the {rec}, beginning with the first|"
        "the {rec} at steps of {s}, from the first on|only every {s}th {one}|every {s}th {one}, starting with the first|"
        "one {one} out of every {s}|the first {one} and then every {s}th|a sample of every {s}th {one}|"
        "the first of every {s} {rec}|just every {s}th one of the {rec}",
        "<keep> every {s}th {one}|<keep> one {one} out of {s}|thin the {rec} out to every {s}th|"
        "<keep> {rec} in steps of {s}|<keep> only each {s}th {one}|walk through the {rec} in steps of {s}|"
        "sample every {s}th {one}, starting with the first|<keep> the first {one} and every {s}th after it|"
        "<keep> one of {s} {rec}, beginning with the first|step through the {rec} by {s}|get every {s}th {one}|"
        "thin out the {rec}: only every {s}th stays",
        "every {s}th only|which {rec} come up when we take every {s}th?|step {s} through the {rec}|"
        "only one {one} in {s}, beginning with the first",
    ),
    "orrin": (
        ":",
        "the {rec} in reverse order|the {rec} from the last to the first|the {rec} backwards|the {rec} turned around|"
        "the {rec} in the opposite order|the reversed {rec}|the {rec} in reversed order|the {rec} from back to front|"
        "the {rec} with the last one first|{rec} in reverse|the same {rec} the other way round|"
        "the {rec} listed from the end to the beginning|the {rec} from the bottom to the top",
        "reverse the {rec}|turn the order of the {rec} around|put the {rec} in reverse order|"
        "flip the order of the {rec}|order the {rec} from the last to the first|list the {rec} backwards|"
        "reverse the order of the {rec}|put the last {one} first and the first last|go through the {rec} from back to front|"
        "invert the order of the {rec}|bring the {rec} into the opposite order|mirror the order of the {rec}|"
        "read the {rec} from the bottom up|begin with the last {one} and go back",
        "what are the {rec} in reverse order?|last {one} first|{rec}, back to front|the other way round, please",
    ),
}
VARIANTS |= {
    "hask": (
        ":c1",
        "the first {one} alone, still as a brod|a brod of the first {one} only",
        "<keep> only the first {one}|<keep> the first {one} and no others",
        "first {one} only",
    ),
    "tolk": (
        ":c1",
        "the last {one} alone, still as a brod|a brod of the last {one} only",
        "<keep> only the last {one}|<keep> the last {one} and no others",
        "last {one} only",
    ),
    "fenn": (
        ":s2",
        "every other {one}|every second {one}|every other one of the {rec}, beginning with the first",
        "<keep> every other {one}|skip every second {one}|<drop> every second {one}|take one {one}, skip one, and so on",
        "every other {one} only|one {one} yes, one no, from the first on",
    ),
    **SHAPING_VARIANTS,
}
# calls about a field that has an adjective (wording_conditions.ADJECTIVES): {most} and {least}
SUPERLATIVE = {}
for _end, _most, _least in (("or", "{most}", "{least}"), ("un", "{least}", "{most}")):
    SUPERLATIVE["sil" + _end] = (
        "fn:f",
        f"the {{rec}} from the {_most} to the {_least}|the {{rec}} sorted with the {_most} first",
        f"<sort> the {{rec}} from the {_most} to the {_least}|<sort> the {{rec}}, {_most} first",
        f"{{rec}}, {_most} first",
    )
    SUPERLATIVE["pel" + _end] = (
        "fn:f c",
        f"the {{c}} {_most} {{rec}}|the {{c}} {_most} of the {{rec}}",
        f"<keep> the {{c}} {_most} {{rec}}|find the {{c}} {_most} {{rec}}",
        f"which are the {{c}} {_most} {{rec}}?|what are the {{c}} {_most} {{rec}}?",
    )
    SUPERLATIVE["wex" + _end] = (
        "fn:f",
        f"the {_most} {{one}} of {{S}}|the {_most} {{one}} of {{S}}, as a dict",
        f"find the {_most} {{one}} of {{S}}",
        f"which is the {_most} {{one}} of {{S}}?|what is the {_most} {{one}} of {{S}}?",
    )
CALLS = {**SELECTING, **SHAPING, **READING}
__all__ = ["CALLS", "PAIRS", "READING", "SELECTING", "SHAPING", "SUPERLATIVE", "TAILS", "VARIANTS"]
