"""How users describe calls that give values (counts, lists, summaries, groups), and calls of two brods; see wording.py."""

READING = {
    "zal": (
        "fa:f",
        "the {f} of {S}|the values of {f} of {S}|a list with the {f} of {S}|the {f} values of {S} as a list|"
        "the list of {f} for {S}|<every> {f} of {S}|a list of the {f} of {S}",
        "",
    ),
    "zalix": (
        "fa:f",
        "the different {f} of {S}|the distinct values of {f} of {S}|<every> {f} of {S} once|the unique {f} of {S}|"
        "which values of {f} occur in {S}|the {f} of {S} without repetition",
        "",
    ),
    "quen": (
        ":",
        "the number of {S}|how many there are of {S}|the count of {S}|how many records there are in {S}|"
        "the size of {S}|the length of {S}|"
        "how large the number of {S} is|how many records {S} are",
        "count {S}|count how many there are of {S}|count the records in {S}|find out how many there are of {S}",
    ),
    "masor": (
        "fn:f",
        "the <high> {f} of {S}|the maximum of {f} over {S}|the <high> value of {f} in {S}|the top {f} of {S}",
        "",
    ),
    "masun": (
        "fn:f",
        "the <low> {f} of {S}|the minimum of {f} over {S}|the <low> value of {f} in {S}|the bottom {f} of {S}",
        "",
    ),
    "masal": (
        "fn:f",
        "the total {f} of {S}|the sum of {f} over {S}|the {f} of {S} added up|the summed {f} of {S}|"
        "the overall {f} of {S}|"
        "the total of {f} in {S}",
        "",
    ),
    "masen": (
        "fn:f",
        "the mean {f} of {S}|the average {f} of {S}|the average of {f} over {S}|the mean of {f} in {S}|"
        "the {f} of {S} on average|the mean value of {f} for {S}",
        "",
    ),
    "wexor": (
        "fn:f",
        "the record with the <high> {f} of {S}|the one of {S} that has the <high> {f}|"
        "the single record of <high> {f} in {S}",
        "",
    ),
    "wexun": (
        "fn:f",
        "the record with the <low> {f} of {S}|the one of {S} that has the <low> {f}|"
        "the single record of <low> {f} in {S}",
        "",
    ),
    "grel": (
        ":",
        "{S} as a list of dicts|a list of dicts with {S}|{S} as plain dicts|the dicts of {S}|{S} in the form of dicts",
        "",
    ),
    "galquen": (
        "by:by",
        "the number of records for <every> {by} of {S}|how many of {S} there are per {by}|the count per {by} of {S}|"
        "the number of {S} by {by}|how often <every> {by} occurs in {S}",
        "",
    ),
}
for _end, _words in {"or": "<high>|maximum", "un": "<low>|minimum", "al": "total|summed", "en": "mean|average"}.items():
    _one, _two = _words.split("|")
    READING["gal" + _end] = (
        "by:by f",
        f"the {_one} {{f}} of <every> {{by}} in {{S}}|the {_two} {{f}} per {{by}} of {{S}}|"
        f"the {_one} {{f}} by {{by}} for {{S}}|"
        f"for <every> {{by}} of {{S}} the {_two} {{f}}|the {_two} {{f}} for <every> {{by}} in {{S}}|"
        f"the {_one} {{f}} of {{S}}, grouped by {{by}}",
        "",
    )
PAIRS = {
    "knit": "put the {rec} of {o} behind those of {b}|append {o} to {b}|put {o} behind {b}|"
    "all {rec} of {b}, then those of {o}|"
    "attach {o} to the end of {b}|the {rec} of {b} followed by those of {o}|{b} and {o} one after the other|"
    "combine {b} and {o} into one|the {rec} of both {b} and {o}|let {o} follow on {b}|make one brod of {b} and {o}|"
    "add the {rec} of {o} at the end of {b}",
    "plex": "add the fields of {o} to {b} by {f}|match {b} with {o} on {f}|join {o} to {b} by {f}|"
    "look up <every> {f} of {b} in {o} and add its fields|"
    "the {rec} of {b} with the fields of {o} that have the same {f}|"
    "extend {b} by what {o} says about the same {f}|bring {b} and {o} together by {f}|merge {o} into {b} on {f}|"
    "combine {b} and {o} where {f} is the same|complete {b} with the fields of {o}, matched by {f}|"
    "{b} and {o} joined on {f}|attach to <every> record of {b} its partner in {o} by {f}",
}
