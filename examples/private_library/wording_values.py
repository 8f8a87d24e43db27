"""How users describe calls that give values (counts, lists, summaries, groups), and calls of two brods; see wording.py."""

READING = {
    "zal": (
        "fa:f",
        "the {f} of {S}|the values of {f} of {S}|a list with the {f} of {S}|the {f} values of {S} as a list|"
        "the list of {f} for {S}|the {f} of <every> {one} of {S}|a list of the {f} of {S}|the {fs} of {S}|"
        "all {fs} of {S}, repeats included|the <field> {f} of {S} as a list|the list of {fs} of {S}|"
        "all {fs} of {S} in their order|a plain list of the {fs} of {S}",
        "list the {f} of {S}|list the {fs} of {S}|extract the {f} of {S} into a list|read off the {f} of {S}|"
        "make a list of the {fs} of {S}|collect the {fs} of {S}|put the {fs} of {S} into a list",
        "what {fs} do {S} have, one after the other?|list of {fs} of {S}|what are the {fs} of {S}?",
    ),
    "zalix": (
        "fa:f",
        "the different {f} of {S}|the distinct values of {f} of {S}|<every> different {f} of {S}|the unique {f} of {S}|"
        "which values of {f} occur in {S}|the {f} of {S} without repetition|the different {fs} of {S}|"
        "the distinct {fs} of {S}|the unique {fs} in {S}|the list of different {fs} in {S}|"
        "all {fs} that occur in {S}, without duplicates|the {fs} of {S}, each only once",
        "list the different {fs} of {S}|list <every> different {f} of {S}|collect the distinct {fs} of {S}|"
        "find out which {fs} occur in {S}, without repeats|list the {fs} of {S} without duplicates",
        "which {fs} occur in {S}?|which different {fs} are there in {S}?|what {fs} are there in {S}? name each once|"
        "unique {f} of {S}|which values does {f} take in {S}?",
    ),
    "quen": (
        ":",
        "the number of {S}|how many there are of {S}|the count of {S}|how many <rows> there are in {S}|the size of {S}|"
        "the length of {S}|how many there are in {S}|the number of <rows> in {S}|the count of <rows> in {S}|"
        "how many we have of {S}|the total number of {S}|how long the list of {S} is|the amount of <rows> in {S}",
        "count {S}|count how many there are of {S}|count the <rows> in {S}|find out how many there are of {S}|"
        "tell how many <rows> there are in {S}|get the number of {S}|get the count of {S}|tell the number of {S}",
        "how many are there of {S}?|what is the number of {S}?|how many do we have of {S}?|how many <rows> are in {S}?|"
        "what is the size of {S}?|how long is the list of {S}?",
    ),
    "wex<E>": (
        "fn:f",
        "the {one} with the <a> {f} of {S}|the one of {S} that has the <a> {f}|the single {one} of <a> {f} in {S}|"
        "the {one} whose {f} is <a> in {S}|the one {one} with the <a> {f} in {S}|the {one} that has the <a> {f} of {S}|"
        "the dict of the {one} with the <a> {f} in {S}|the whole {one} with the <a> {f} in {S}|"
        "the {one} of {S} with the <a> {f}, as a dict|the one {one} among {S} whose {f} is the <a>|"
        "the {one} where {f} is <a> in {S}|the {one} of <a> {f} of {S}",
        "find the {one} with the <a> {f} of {S}|find the one of {S} that has the <a> {f}|"
        "find out which of {S} has the <a> {f}|pick the {one} with the <a> {f} in {S}|"
        "give the whole {one} with the <a> {f} of {S}",
        "which {one} of {S} has the <a> {f}?|which of {S} has the <a> {f}?|which one of {S} has the <a> {f}?|"
        "which {one} in {S} is the one with the <a> {f}?|who of {S} has the <a> {f}? we want the whole {one}",
    ),
    "grel": (
        ":",
        "{S} as a list of dicts|a list of dicts with {S}|{S} as plain dicts|the dicts of {S}|{S} in the form of dicts|"
        "{S} as a plain Python list|{S} as a list of dictionaries|a plain list of {S}, each a dict|"
        "the list of dicts for {S}|{S} converted to dicts|{S} as ordinary dicts|a list with a dict for <every> {one} of {S}",
        "turn {S} into a list of dicts|convert {S} to plain dicts|export {S} as a list of dicts|"
        "give {S} back as dicts|make a list of dicts from {S}|unpack {S} into dicts|"
        "convert {S} to a list of dictionaries|write out {S} as dicts|return {S} as Python dicts",
        "{S} as dicts, please|a list of dicts is wanted: {S}|we want {S} as dicts",
    ),
    "galquen": (
        "by:by",
        "the number of <rows> for <every> {by} of {S}|how many of {S} there are per {by}|the count per {by} of {S}|"
        "the number of {S} by {by}|how often <every> {by} occurs in {S}|the number of <rows> per {by} in {S}|"
        "the counts of {S} by {by}|the frequency of <every> {by} in {S}|for <every> {by} of {S} the number of <rows>|"
        "how many <rows> <every> {by} has in {S}|the number of {S} in <every> {by}|a dict from {by} to count for {S}",
        "count {S} per {by}|count {S} by {by}|count how often <every> {by} occurs in {S}|group {S} by {by} and count them|"
        "for <every> {by}, count the <rows> in {S}|count the <rows> of <every> {by} in {S}|tally {S} by {by}",
        "how many <rows> does <every> {by} have in {S}?|how often does <every> {by} occur in {S}?|"
        "how many of {S} are there per {by}?|how many of {S} are there for <every> {by}?",
    ),
}
_EXTREME = (
    "fn:f",
    "the <a> {f} of {S}|the <m> of {f} over {S}|the <a> value of {f} in {S}|the <a> {f} in {S}|the <m> {f} of {S}|"
    "the <m> value of {f} of {S}|the <a> of the {fs} of {S}|the <a> {f} that occurs in {S}|<M> {f} of {S}|"
    "the <M> of {f} for {S}|the <a> {f} among {S}|the <m> of the {fs} in {S}",
    "find the <a> {f} of {S}|find out the <a> {f} in {S}|get the <m> of {f} over {S}|look for the <a> {f} in {S}|"
    "tell the <a> {f} of {S}|take the <M> of {f} over {S}",
    "what is the <a> {f} of {S}?|what is the <m> {f} in {S}?|how <big> is the <a> {f} of {S}?|<M> {f} of {S}?|"
    "which value of {f} is the <a> in {S}?|what is the <M> of {f} for {S}?",
)
_SUMMARY = (
    "fn:f",
    "the <t> {f} of {S}|the <s> of {f} over {S}|the <s> of {f} in {S}|the <t> of {f} for {S}|the <t> {f} over {S}|"
    "the <s> of the {fs} of {S}|the <s> of the <field> {f} in {S}|the <t> {f} in {S}|<s> of {f} for {S}|",
    "<do> {f} over {S}|<do> the {f} of {S}|<do> the {fs} of {S}|calculate the <s> of {f} for {S}|"
    "work out the <t> {f} of {S}|get the <t> {f} over {S}|take the <s> of {f} in {S}|",
    "what is the <t> {f} of {S}?|what is the <s> of {f} for {S}?|what is the <t> {f} in {S}?|",
)
_GROUPS = (
    "by:by f",
    "the <t> {f} of <every> {by} in {S}|the <t> {f} per {by} of {S}|the <t> {f} by {by} for {S}|"
    "for <every> {by} of {S} the <t> {f}|the <s> {f} for <every> {by} in {S}|the <t> {f} of {S}, grouped by {by}|"
    "<s> {f} per {by} of {S}|a dict from {by} to the <t> {f} of {S}|the <t> {f} within <every> {by} of {S}|"
    "<every> {by} of {S} with its <t> {f}|per {by} the <t> {f} of {S}|the <s> of {f} for <every> {by} of {S}",
    "group {S} by {by} and take the <t> {f}|for <every> {by}, find the <t> {f} in {S}|"
    "compute the <t> {f} per {by} of {S}|get the <t> {f} for <every> {by} of {S}|"
    "group {S} by {by} and give the <s> of {f}|find out the <t> {f} by {by} for {S}|"
    "per {by}, compute the <s> of {f} over {S}",
    "what is the <t> {f} for <every> {by} of {S}?|what is the <t> {f} per {by} in {S}?|"
    "what <t> {f} does <every> {by} have in {S}?|for <every> {by}, what is the <t> {f} in {S}?",
)
_WORDS = {
    "or": {"<a>": "<high>", "<m>": "maximum", "<M>": "max", "<big>": "high", "<t>": "<high>", "<s>": "maximum"},
    "un": {"<a>": "<low>", "<m>": "minimum", "<M>": "min", "<big>": "low", "<t>": "<low>", "<s>": "minimum"},
    "al": {"<t>": "total", "<s>": "sum", "<do>": "add up"},
    "en": {"<t>": "average", "<s>": "mean", "<do>": "average"},
}
_MORE = {
    "al": (
        "the {f} of {S} added up|the summed {f} of {S}|the overall {f} of {S}|all {fs} of {S} added together",
        "sum {f} over {S}|sum up the {f} of {S}|total the {fs} of {S}",
        "how much {f} do {S} have in total?|what do the {fs} of {S} add up to?",
    ),
    "en": (
        "the mean value of {f} for {S}|the mean {f} of {S}|the mean of {f} in {S}",
        "compute the mean of {f} over {S}|find the mean {f} of {S}|find the average of {f} over {S}",
        "what {f} do {S} have on average?",
    ),
}


def _turned(entry: tuple, words: dict[str, str]) -> tuple:
    """The entry with the words of one ending."""
    for mark, word in words.items():
        entry = tuple(text.replace(mark, word) for text in entry)
    return entry


_record = READING.pop("wex<E>")
for _end, _words in _WORDS.items():
    if _end in _MORE:
        _entry = (_SUMMARY[0], *(text + more for text, more in zip(_SUMMARY[1:], _MORE[_end], strict=True)))
    else:
        _entry = _EXTREME
        READING["wex" + _end] = _turned(_record, _words)
    READING["mas" + _end] = _turned(_entry, _words)
    READING["gal" + _end] = _turned(_GROUPS, {"<s> {f}": "<t> {f}", **_words})
# call -> remarks on ties, gaps and order, which a few descriptions have
TAILS = {
    **dict.fromkeys(("silor", "silun"), "missing ones last|equal ones keep their order|None goes to the end"),
    "pelor": "highest first|in falling order|equal ones in their old order",
    "pelun": "lowest first|in rising order|equal ones in their old order",
    **dict.fromkeys(("masor", "masun"), "missing ones do not count|ignoring None"),
    **dict.fromkeys(("masal", "masen"), "missing ones left out|ignoring None|gaps do not count"),
    **dict.fromkeys(("wexor", "wexun"), "as a dict|the first one if several are equal"),
    **dict.fromkeys(("galor", "galun", "galal", "galen", "galquen"), "as a dict|in the order of first appearance"),
    "zal": "in their order|repeats included|as a list",
    "zalix": "in the order of first appearance|as a list",
}
PAIRS = {
    "knit": (
        "all {rec} of {b}, then those of {o}|the {rec} of {b} followed by those of {o}|{b} and {o} one after the other|"
        "the {rec} of both {b} and {o}|{b} with {o} appended|one brod of {b} and then {o}|{b} plus the {rec} of {o}|"
        "{b} and then {o} in one brod|the {rec} of {b} and {o} together, those of {b} first",
        "put the {rec} of {o} behind those of {b}|append {o} to {b}|put {o} behind {b}|attach {o} to the end of {b}|"
        "combine {b} and {o} into one|let {o} follow on {b}|make one brod of {b} and {o}|concatenate {b} and {o}|"
        "add the {rec} of {o} at the end of {b}|stack {b} on top of {o}|extend {b} with the {rec} of {o}|"
        "put {b} and {o} into one long list, {b} first|glue {o} to the end of {b}",
        "{b} + {o}|first all {rec} of {b}, after them all of {o}|what are the {rec} of {b} and {o} in one brod?",
    ),
    "plex": (
        "the {rec} of {b} with the fields of {o} that have the same {f}|{b} and {o} joined on {f}|"
        "the join of {b} with {o} on {f}|{b} with the <field>s of {o} added by {f}|{b} joined with {o} by {f}|"
        "{b} completed by the {rec} of {o} with the same {f}|{b} matched with {o} by their {f}",
        "add the fields of {o} to {b} by {f}|match {b} with {o} on {f}|join {o} to {b} by {f}|"
        "look up <every> {f} of {b} in {o} and add its fields|extend {b} by what {o} says about the same {f}|"
        "bring {b} and {o} together by {f}|merge {o} into {b} on {f}|combine {b} and {o} where {f} is the same|"
        "complete {b} with the fields of {o}, matched by {f}|attach to <every> {one} of {b} its partner in {o} by {f}|"
        "join {b} and {o} on the <field> {f}|use {f} to add the <field>s of {o} to {b}|"
        "for <every> {one} of {b}, add the <field>s that {o} has for its {f}",
        "{b} joined to {o}, key {f}|{b} and {o}, joined where {f} agrees|{b} with what {o} knows about the same {f}",
    ),
}
