"""How users describe which records they mean: the condition of the endings `ek`, `or`, `un`, `is`, `am` and `no`.

Each table has phrases for one place in a sentence, separated by `|`; see wording.py.
"""

# {C}, after "the trips"
CONDITIONS = {
    "ek": "whose {f} is {v}|with {f} {v}|where {f} equals {v}|with a {f} of {v}|that have {v} as {f}|"
    "having {f} equal to {v}|where the {f} is {v}|whose {f} equals {v}|for which {f} is {v}|whose {f} is exactly {v}|"
    "with {v} as their {f}|where {f} = {v}|with {f} == {v}|with the {f} {v}|for which the {f} equals {v}|"
    "whose {f} is equal to {v}|with {v} in the <field> {f}|that have the value {v} for {f}|where the {f} says {v}|"
    "whose <field> {f} holds {v}|which have {f} {v}|with {f} set to {v}|of {f} {v}",
    "or": "whose {f} is above {n}|with {f} above {n}|where {f} is greater than {n}|with a {f} of more than {n}|"
    "whose {f} exceeds {n}|having {f} over {n}|with {f} larger than {n}|where the {f} is higher than {n}|"
    "for which {f} is more than {n}|that have a {f} beyond {n}|with {f} > {n}|where {f} > {n}|with a {f} over {n}|"
    "whose {f} is bigger than {n}|whose {f} is over {n}|that exceed {n} in {f}|with more than {n} in {f}|"
    "which have {f} more than {n}|where {f} goes beyond {n}|whose {f} lies above {n}|with a {f} greater than {n}|"
    "where the <field> {f} is above {n}|that have more than {n} as {f}",
    "un": "whose {f} is below {n}|with {f} below {n}|where {f} is less than {n}|with a {f} of less than {n}|"
    "whose {f} is under {n}|having {f} under {n}|with {f} smaller than {n}|where the {f} is lower than {n}|"
    "for which {f} is less than {n}|that do not reach a {f} of {n}|with {f} < {n}|where {f} < {n}|with a {f} under {n}|"
    "whose {f} is smaller than {n}|that stay under {n} in {f}|with less than {n} in {f}|which have {f} less than {n}|"
    "where {f} falls short of {n}|whose {f} lies below {n}|with a {f} lower than {n}|"
    "where the <field> {f} is below {n}|that have less than {n} as {f}",
    "is": "whose {f} is one of {vs}|where {f} is in {vs}|with {f} among {vs}|with a {f} listed in {vs}|"
    "having one of {vs} as {f}|whose {f} is any of {vs}|for which {f} is in {vs}|that have a {f} out of {vs}|"
    "with {f} in {vs}|where the {f} is one of {vs}|with one of {vs} as their {f}|which have {f} among {vs}|"
    "where {f} is any of {vs}|whose {f} occurs in {vs}|whose {f} is among {vs}|whose {f} is either of {vs}|"
    "whose {f} matches one of {vs}",
    "am": "whose {f} contains {p}|with {p} in {f}|where {f} includes {p}|that have {p} somewhere in {f}|"
    "with {p} within the {f}|whose {f} has {p} in it|where {p} occurs in {f}|for which {f} contains the text {p}|"
    "where the {f} contains {p}|whose {f} includes the letters {p}|with {p} as a part of {f}|"
    "where {p} is part of the {f}|with {p} anywhere in the {f}|whose {f} has the piece {p}|"
    "which have the letters {p} in {f}|with the substring {p} in {f}|where {p} can be found in {f}",
    "no": "whose {f} is missing|without a {f}|where {f} is None|that lack a {f}|with no {f}|with a missing {f}|"
    "where {f} has no value|for which {f} is missing|where the {f} is unknown|that have no {f}|where {f} is empty|"
    "with {f} None|where nobody filled in the {f}|with a gap in {f}|whose {f} is not known|where {f} is not given|"
    "which have None as {f}|without any {f}|that come without a {f}|with an empty {f}",
}
# {N}: the records that the condition does not choose
NEGATED = {
    "ek": "whose {f} is not {v}|with a {f} other than {v}|where {f} is different from {v}|where {f} is not equal to {v}|"
    "with {f} != {v}|that have another {f} than {v}|whose {f} is anything but {v}|where {f} differs from {v}|"
    "that do not have {v} as {f}|that do not {H}",
    "or": "whose {f} is at most {n}|with a {f} of at most {n}|where {f} is {n} or less|with {f} up to {n}|"
    "whose {f} does not exceed {n}|with {f} <= {n}|where {f} is not above {n}|with no more than {n} in {f}|"
    "whose {f} is no higher than {n}|where {f} is less than or equal to {n}|with a {f} of {n} or lower",
    "un": "whose {f} is at least {n}|with a {f} of at least {n}|where {f} is {n} or more|with {f} from {n} upwards|"
    "whose {f} reaches {n}|with {f} >= {n}|where {f} is not below {n}|with no less than {n} in {f}|"
    "whose {f} is no lower than {n}|where {f} is greater than or equal to {n}|with a {f} of {n} or higher",
    "is": "whose {f} is none of {vs}|where {f} is not in {vs}|with a {f} that is not among {vs}|"
    "with {f} outside {vs}|whose {f} is not one of {vs}|with {f} not in {vs}|that do not {H}",
    "am": "whose {f} does not contain {p}|without {p} in {f}|where {f} does not include {p}|"
    "where {p} does not occur in {f}|with no {p} in the {f}|whose {f} is free of {p}|that do not {H}",
    "no": "that have a {f}|with a known {f}|where {f} is given|whose {f} is not missing|where {f} is not None|"
    "that do have a value in {f}|with a value for {f}|where {f} is filled in|whose {f} is known|where {f} is present",
}
# {H}, after "which trips"
HAVE = {
    "ek": "have {v} as {f}|have the {f} {v}|have a {f} of {v}|have {f} equal to {v}|show {v} as {f}",
    "or": "have a {f} above {n}|have more than {n} in {f}|exceed {n} in {f}|have {f} > {n}|have a {f} greater than {n}",
    "un": "have a {f} below {n}|have less than {n} in {f}|stay below {n} in {f}|have {f} < {n}|have a {f} under {n}",
    "is": "have one of {vs} as {f}|have a {f} among {vs}|have {f} in {vs}",
    "am": "have {p} in {f}|contain {p} in {f}|have a {f} with {p} in it|have the letters {p} in {f}",
    "no": "have no {f}|lack a {f}|have None as {f}|have a missing {f}|do not say their {f}",
}
# {I}, after "keep a trip if"
ITS = {
    "ek": "its {f} is {v}|its {f} equals {v}|{f} is {v}|it has {v} as {f}|{f} == {v}",
    "or": "its {f} is above {n}|its {f} exceeds {n}|{f} is more than {n}|{f} > {n}|it has a {f} over {n}",
    "un": "its {f} is below {n}|its {f} is under {n}|{f} is less than {n}|{f} < {n}|it has a {f} under {n}",
    "is": "its {f} is one of {vs}|{f} is in {vs}|its {f} is among {vs}",
    "am": "its {f} contains {p}|{p} occurs in {f}|its {f} has {p} in it|{p} is part of its {f}",
    "no": "its {f} is missing|it has no {f}|{f} is None|its {f} is unknown",
}
PLACES = {"C": CONDITIONS, "N": NEGATED, "H": HAVE, "I": ITS}
ARGUMENTS = {"ek": "fv:f v", "or": "fn:f n", "un": "fn:f n", "is": "fv:f vs", "am": "ft:f p", "no": "fa:f"}

# root -> (noun phrases, orders, lines)
CHOOSING = {
    "torv": (
        "the {rec} {C}|all {rec} {C}|only the {rec} {C}|those {rec} {C}|just the {rec} {C}|{rec} {C}|{rec} {C}|"
        "<every> {one} {C}|all the {rec} {C}|only {rec} {C}",
        "<keep> the {rec} {C}|<keep> only {rec} {C}|<keep> all {rec} {C}|<keep> just those {rec} {C}|<keep> {rec} {C}|"
        "keep a {one} only if {I}|narrow the {rec} down to those {C}|reduce the {rec} to those {C}|"
        "<keep> <every> {one} {C}, <drop> the others|find the {rec} {C}|limit the {rec} to those {C}|"
        "<keep> nothing but {rec} {C}|go through the {rec} and keep those {C}|if {I}, keep the {one}, otherwise not",
        "which {rec} {H}?|which of the {rec} {H}?|only {rec} {C}, no others|which are the {rec} {C}?|"
        "what {rec} do we have {C}?|only those {C} should stay",
    ),
    "drep": (
        "the {rec} without those {C}|all {rec} except those {C}|all {rec} but the ones {C}|"
        "all {rec} apart from those {C}|the {rec} other than those {C}|<every> {one} except those {C}|"
        "the {rec}, but not those {C}|{rec} except those {C}|the {rec} minus the ones {C}",
        "<drop> the {rec} {C}|<drop> all {rec} {C}|<drop> those {rec} {C}|<drop> any {rec} {C}|<drop> {rec} {C}|"
        "<drop> a {one} if {I}|<drop> <every> {one} {C}|clean out the {rec} {C}|do not keep {rec} {C}|"
        "<keep> all {rec} except those {C}|if {I}, <drop> the {one}|<drop> whatever {rec} {H}|"
        "<keep> everything but the {rec} {C}|skip the {rec} {C}",
        "no {rec} {C}|which {rec} are left without those {C}?|{rec} {C} must go|{rec} {C} are not wanted|"
        "the {rec} {C} have to go, the others stay|we do not want {rec} {C}",
    ),
    "quen": (
        "the number of {rec} {C}|how many {rec} there are {C}|the count of {rec} {C}|how many of the {rec} are there {C}|"
        "the number of those {rec} {C}|how many {rec} {H}|the quantity of {rec} {C}|the count of the {rec} {C}|"
        "how many of the {rec} {H}",
        "count the {rec} {C}|count all {rec} {C}|count how many {rec} there are {C}|count {rec} {C}|"
        "count how many {rec} {H}|find out how many {rec} {H}|tell how many {rec} {H}|count only the {rec} {C}|"
        "go through the {rec} and count those {C}|say how many {rec} there are {C}",
        "how many {rec} {H}?|how many of the {rec} {H}?|how many {rec} are there {C}?|"
        "what is the number of {rec} {C}?|for how many {rec} is it true that {I}?",
    ),
}
# the same with {N}: torv keeps what is left when {N} is dropped
OPPOSITE = {
    "torv": (
        CHOOSING["torv"][0],
        "<drop> the {rec} {N}|<drop> all {rec} {N}|<drop> <every> {one} {N}|<drop> {rec} {N}",
        "{rec} {N} must go|no {rec} {N}",
    ),
    "drep": (
        "the {rec} {N}|all {rec} {N}|only the {rec} {N}|{rec} {N}|those {rec} {N}|<every> {one} {N}",
        "<keep> the {rec} {N}|<keep> only {rec} {N}|<keep> all {rec} {N}|<keep> {rec} {N}|<keep> <every> {one} {N}|"
        "narrow the {rec} down to those {N}",
        "only {rec} {N}, no others|which are the {rec} {N}?|only those {N} should stay",
    ),
}
# fields that people describe with an adjective -> (more, less, most, least, fields that would make it ambiguous)
ADJECTIVES = {
    "age": ("older", "younger", "oldest", "youngest", ""),
    "weight": ("heavier", "lighter", "heaviest", "lightest", "load"),
    "price": ("more expensive", "cheaper", "most expensive", "cheapest", "cost fee rent"),
    "speed": ("faster", "slower", "fastest", "slowest", ""),
    "depth": ("deeper", "shallower", "deepest", "shallowest", ""),
    "width": ("wider", "narrower", "widest", "narrowest", ""),
    "length": ("longer", "shorter", "longest", "shortest", "duration distance height"),
}
# ending -> {C}, {H}, {I}
COMPARED = {
    "or": (
        "{more} than {n}|that are {more} than {n}|which are {more} than {n}",
        "are {more} than {n}",
        "it is {more} than {n}",
    ),
    "un": (
        "{less} than {n}|that are {less} than {n}|which are {less} than {n}",
        "are {less} than {n}",
        "it is {less} than {n}",
    ),
}
