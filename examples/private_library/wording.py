"""How users describe each call of Dorvex in plain English: grammars of phrases.

`<word>` is replaced by one of pools.WORDS[word], `{slot}` by a field, a value or another part of the task (see tasks.py).
A noun phrase names a result ("the 3 records with the lowest depth"), an imperative says what to do ("drop the ...").
"""

from examples.private_library.wording_values import PAIRS, READING

CONDITIONS = {
    "ek": "whose {f} is {v}|with {f} {v}|where {f} equals {v}|with a {f} of {v}|that have {v} as {f}|"
    "having {f} equal to {v}|where the {f} is {v}|whose {f} equals {v}|for which {f} is {v}|whose {f} is exactly {v}",
    "or": "whose {f} is above {n}|with {f} above {n}|where {f} is greater than {n}|with a {f} of more than {n}|"
    "whose {f} exceeds {n}|having {f} over {n}|with {f} larger than {n}|where the {f} is higher than {n}|"
    "for which {f} is more than {n}|that have a {f} beyond {n}|with {f} > {n}",
    "un": "whose {f} is below {n}|with {f} below {n}|where {f} is less than {n}|with a {f} of less than {n}|"
    "whose {f} is under {n}|having {f} under {n}|with {f} smaller than {n}|where the {f} is lower than {n}|"
    "for which {f} is less than {n}|that do not reach a {f} of {n}|with {f} < {n}",
    "is": "whose {f} is one of {vs}|where {f} is in {vs}|with {f} among {vs}|with a {f} listed in {vs}|"
    "having one of {vs} as {f}|whose {f} is any of {vs}|for which {f} is in {vs}|that have a {f} out of {vs}",
    "am": "whose {f} contains {p}|with {p} in {f}|where {f} includes {p}|that have {p} somewhere in {f}|"
    "with {p} within the {f}|whose {f} has {p} in it|where {p} occurs in {f}|for which {f} contains the text {p}",
    "no": "whose {f} is missing|without a {f}|where {f} is None|that lack a {f}|with no {f}|with a missing {f}|"
    "where {f} has no value|for which {f} is missing|where the {f} is unknown|that have no {f}",
}
ARGUMENTS = {"ek": "fv:f v", "or": "fn:f n", "un": "fn:f n", "is": "ft:f vs", "am": "ft:f p", "no": "fa:f"}

# call -> (arguments "kind of field:slots", noun phrases, imperatives). {S}: all records, or those that a first call gives.
SELECTING, SHAPING = {}, {}
for _end, _text in CONDITIONS.items():
    SELECTING["torv" + _end] = (
        ARGUMENTS[_end],
        "the {rec} {C}|all {rec} {C}|only the {rec} {C}|those {rec} {C}|just the {rec} {C}",
        "<keep> the {rec} {C}|<keep> only {rec} {C}|<keep> all {rec} {C}|<keep> just those {rec} {C}",
    )
    SELECTING["drep" + _end] = (
        ARGUMENTS[_end],
        "the {rec} without those {C}|all {rec} except those {C}|all {rec} but the ones {C}|"
        "the {rec} that are left without those {C}|all other {rec} than the ones {C}",
        "<drop> the {rec} {C}|<drop> all {rec} {C}|<drop> those {rec} {C}|<drop> any {rec} {C}",
    )
    if _end in ("ek", "or", "un"):
        READING["quen" + _end] = (
            ARGUMENTS[_end],
            "the number of {rec} {C}|how many {rec} there are {C}|the count of {rec} {C}|"
            "how many of the {rec} are there {C}|"
            "the number of those {rec} {C}",
            "count the {rec} {C}|count all {rec} {C}|count how many {rec} there are {C}",
        )
SELECTING |= {
    "silor": (
        "fn:f",
        "the {rec} sorted by {f}, <high> first|the {rec} from the <high> {f} to the <low>|"
        "the {rec} by falling {f}|the {rec} in descending order of {f}|the {rec} ordered by {f} from high to low",
        "<sort> the {rec} by {f}, <high> first|<sort> the {rec} by {f} in descending order|<sort> {rec} by falling {f}|"
        "<sort> the {rec} from the <high> {f} to the <low>|put the {rec} with the <high> {f} first",
    ),
    "silun": (
        "fn:f",
        "the {rec} sorted by {f}, <low> first|the {rec} from the <low> {f} to the <high>|"
        "the {rec} by rising {f}|the {rec} in ascending order of {f}|the {rec} ordered by {f} from low to high",
        "<sort> the {rec} by {f}, <low> first|<sort> the {rec} by {f} in ascending order|<sort> {rec} by rising {f}|"
        "<sort> the {rec} from the <low> {f} to the <high>|put the {rec} with the <low> {f} first",
    ),
    "pelor": (
        "fn:f c",
        "the {c} {rec} with the <high> {f}|the top {c} {rec} by {f}|those {c} {rec} that have the <high> {f}|"
        "the {c} <high> {rec} by {f}|the {c} {rec} of <high> {f}",
        "<keep> the {c} {rec} with the <high> {f}|<keep> the top {c} {rec} by {f}|"
        "<keep> the {c} {rec} that have the <high> {f}",
    ),
    "pelun": (
        "fn:f c",
        "the {c} {rec} with the <low> {f}|the bottom {c} {rec} by {f}|those {c} {rec} that have the <low> {f}|"
        "the {c} <low> {rec} by {f}|the {c} {rec} of <low> {f}",
        "<keep> the {c} {rec} with the <low> {f}|<keep> the bottom {c} {rec} by {f}|"
        "<keep> the {c} {rec} that have the <low> {f}",
    ),
    "hask": (
        ":c",
        "the first {c} {rec}|the {c} {rec} at the beginning|the {c} {rec} at the top|the leading {c} {rec}|"
        "the {c} earliest {rec} in the list",
        "<keep> the first {c} {rec}|<keep> only the first {c} {rec}|<keep> {c} {rec} from the beginning",
    ),
    "tolk": (
        ":c",
        "the last {c} {rec}|the {c} {rec} at the end|the {c} {rec} at the bottom|the final {c} {rec}|"
        "the {c} latest {rec} in the list",
        "<keep> the last {c} {rec}|<keep> only the last {c} {rec}|<keep> {c} {rec} from the end",
    ),
    "fenn": (
        ":s",
        "every {s}th record|one of every {s} {rec}|each {s}th record|"
        "every {s}th of the {rec}, beginning with the first|"
        "the {rec} in steps of {s}",
        "<keep> every {s}th record|<keep> one record out of {s}|thin the {rec} out to every {s}th|"
        "<keep> {rec} in steps of {s}",
    ),
    "orrin": (
        ":",
        "the {rec} in reverse order|the {rec} from the last to the first|the {rec} backwards|the {rec} turned around|"
        "the {rec} in the opposite order|the reversed {rec}",
        "reverse the {rec}|turn the order of the {rec} around|put the {rec} in reverse order|"
        "flip the order of the {rec}|"
        "order the {rec} from the last to the first|list the {rec} backwards",
    ),
}
SHAPING |= {
    "mirt": (
        "2:f g",
        "the {rec} with only {f} and {g}|the {rec} reduced to {f} and {g}|"
        "only the fields {f} and {g} of <every> record",
        "<keep> only the fields {f} and {g}|<keep> nothing but {f} and {g}|reduce the {rec} to {f} and {g}|"
        "<keep> {f} and {g} and no other fields",
    ),
    "nurt": (
        "fa:f",
        "the {rec} without the field {f}|the {rec} without their {f}|the {rec} with {f} removed|all fields but {f}",
        "<drop> the field {f}|<drop> {f} from <every> record|<drop> the {f} field|strip {f} from the {rec}",
    ),
    "reld": (
        "fa:f new",
        "the {rec} with {f} renamed to {new}|the {rec} with {new} as the name of {f}|"
        "the {rec} with the field {f} called {new}",
        "rename {f} to {new}|rename the field {f} to {new}|call the field {f} {new} from now on|"
        "change the name of {f} to {new}|give {f} the name {new}|let the field {f} be called {new}",
    ),
    "plon": (
        ":new k",
        "the {rec} with a new field {new} that is always {k}|the {rec} with {new} set to {k}|"
        "the {rec} with an extra field {new} of {k}",
        "add a field {new} with the value {k}|set {new} to {k} in <every> record|give <every> record a {new} of {k}|"
        "add {new} = {k} to <every> record|put {k} into a new field {new}|mark all {rec} with {new} {k}",
    ),
    "glim": (
        "fn:f k",
        "the {rec} with {f} multiplied by {k}|the {rec} with {f} times {k}|the {rec} with {f} scaled by {k}",
        "multiply {f} by {k}|scale {f} by {k}|multiply the {f} of <every> record by {k}|"
        "scale up {f} by a factor of {k}|"
        "multiply <every> {f} by {k}|take {f} times {k}",
    ),
    "grom": (
        "fn:f k",
        "the {rec} with {k} added to {f}|the {rec} with {f} raised by {k}|the {rec} with {f} plus {k}",
        "add {k} to {f}|raise {f} by {k}|increase {f} by {k}|add {k} to the {f} of <every> record|"
        "raise <every> {f} by {k}|"
        "shift {f} up by {k}",
    ),
    "blay": (
        "fn:f d",
        "the {rec} with {f} rounded to {d} places|the {rec} with {d} decimals of {f}|"
        "the {rec} with {f} to {d} decimal places",
        "round {f} to {d} places|round {f} to {d} decimal places|round the {f} of <every> record to {d} decimals|"
        "round <every> {f} to {d} digits|cut {f} to {d} decimals by rounding|give {f} {d} decimal places",
    ),
    "cronk": (
        "fn:f lo hi",
        "the {rec} with {f} limited to {lo} to {hi}|the {rec} with {f} kept between {lo} and {hi}|"
        "the {rec} with {f} clamped from {lo} to {hi}",
        "<cut> {f} to the range from {lo} to {hi}|<cut> {f} between {lo} and {hi}|"
        "force {f} to lie between {lo} and {hi}|"
        "<cut> the {f} of <every> record to {lo} to {hi}",
    ),
    "feld": (
        "fn:f k",
        "the {rec} with missing {f} replaced by {k}|the {rec} with {k} where {f} is missing|"
        "the {rec} with gaps in {f} set to {k}",
        "fill missing {f} with {k}|replace a missing {f} by {k}|put {k} where {f} is missing|"
        "use {k} for <every> missing {f}|"
        "fill the gaps of {f} with {k}|set {f} to {k} where it is None",
    ),
    "yex": (
        "2n:f g new",
        "the {rec} with the sum of {f} and {g} as {new}|the {rec} with a field {new} that holds {f} plus {g}|"
        "the {rec} with {f} and {g} added up in {new}",
        "add {f} and {g} into a new field {new}|put the sum of {f} and {g} into {new}|store {f} plus {g} in {new}|"
        "make a field {new} out of {f} plus {g}|add up {f} and {g} as {new}|let {new} be the sum of {f} and {g}",
    ),
    "stenk": (
        "ft:f",
        "the {rec} with {f} in upper case|the {rec} with {f} in capital letters|the {rec} with uppercase {f}|"
        "the {rec} with a capitalised {f}|the {rec} with {f} in capitals",
        "write {f} in upper case|turn {f} into capital letters|make {f} uppercase|put <every> {f} in capitals|"
        "convert {f} to upper case|capitalise all letters of {f}",
    ),
    "stilk": (
        "ft:f",
        "the {rec} with {f} in lower case|the {rec} with {f} in small letters|the {rec} with lowercase {f}|"
        "the {rec} with {f} written small|the {rec} without capitals in {f}",
        "write {f} in lower case|turn {f} into small letters|make {f} lowercase|put <every> {f} in small letters|"
        "convert {f} to lower case|use no capital letters in {f}",
    ),
    "ruval": (
        "fn:f new",
        "the {rec} with the running total of {f} as {new}|the {rec} with {f} summed up so far in {new}|"
        "the {rec} with the cumulative {f} in {new}",
        "put the running total of {f} into {new}|add a field {new} with the running sum of {f}|accumulate {f} in {new}|"
        "store the cumulative {f} as {new}|let {new} be the total of {f} so far|sum {f} up record by record into {new}",
    ),
    "ruvor": (
        "fn:f new",
        "the {rec} with the <high> {f} so far as {new}|the {rec} with the running maximum of {f} in {new}|"
        "the {rec} with the record {f} up to then in {new}",
        "put the <high> {f} so far into {new}|add a field {new} with the running maximum of {f}|"
        "store the <high> {f} up to each record in {new}|let {new} be the <high> {f} so far",
    ),
    "tarn": (
        ":new i",
        "the {rec} numbered in {new} from {i} on|the {rec} with numbers from {i} in {new}|"
        "the {rec} counted off in {new} from {i}",
        "number the {rec} in {new} from {i} on|number the {rec} in a field {new}, starting at {i}|"
        "put numbers from {i} on into {new}|count the {rec} off in {new}, beginning with {i}|"
        "add a field {new} that numbers the {rec} from {i}|give <every> record a number from {i} on in {new}",
    ),
}
CALLS = {**SELECTING, **SHAPING, **READING}
__all__ = ["CALLS", "CONDITIONS", "PAIRS", "READING", "SELECTING", "SHAPING"]
