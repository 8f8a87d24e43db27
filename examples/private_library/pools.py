"""Words, names and values that the programs of make_corpus.py draw from."""


def _words(text: str) -> list[str]:
    return text.split()


NUMBERS = _words(
    "depth weight length width height speed price cost stock age score points rank level pressure heat load volume "
    "area distance duration delay count size rate share wage rent tax fee salt sugar fat power voltage current noise "
    "light rain wind snow dust yield profit loss sales visits clicks votes seats rooms floors pages words lines "
    "errors laps goals"
)
TEXTS = {
    "city": "Oslo Lyon Porto Graz Turin Bergen",
    "colour": "red blue green white black grey",
    "team": "hawks wolves bears foxes lynx",
    "grade": "gold silver bronze iron",
    "status": "open closed waiting lost done",
    "kind": "small medium large giant",
    "shop": "corner market harbour station",
    "crew": "alpha beta gamma delta",
    "river": "Rhine Loire Douro Elbe Tiber",
    "fruit": "apple pear plum cherry melon",
    "metal": "copper zinc lead nickel tin",
    "owner": "Ana Ben Cleo Dina Emil Fritz",
    "month": "May June July August March",
    "route": "coastal inland alpine urban",
    "unit": "kilo litre metre hour",
    "animal": "otter heron badger weasel stork",
    "tool": "hammer saw drill file plane",
    "room": "attic cellar kitchen hall",
    "country": "Chile Kenya Nepal Malta Ghana",
    "label": "fragile frozen heavy empty",
}
BRODS = _words(
    "trips loads boats plants orders books trains tickets bills parcels cows jobs games runs tests calls songs farms "
    "ships meals tanks walls roofs roads lamps beds coins stamps films shirts cups maps bikes cars buses desks doors "
    "tools trees birds fields wells pumps mines mills ovens bottles barrels baskets"
)
RESULTS = _words(
    "result chosen kept left found answer picked part sub out rest selection subset final value outcome best it "
    "summary done view short wanted report"
)
FUNCTIONS = _words(
    "pick choose report answer reduce prepare shorten review check clean select inspect refine measure gather derive "
    "survey rework adapt assess"
)
NEW_FIELDS = _words(
    "extra total_so_far mark tag position index running year source batch both note code amount sum_of_both group_no "
    "line_no flag stage series season"
)
PARAMETERS = {
    "n": "limit threshold bound border",
    "v": "value wanted given item",
    "vs": "values wanted allowed choices",
    "p": "piece fragment snippet",
    "c": "how_many most top_n",
    "s": "step stride every_n",
    "k": "number amount value x",
    "d": "places digits",
    "f": "field name",
    "by": "by group key",
    "i": "first start",
}
WORDS = {
    "keep": ["keep", "select", "take", "pick out", "filter for", "retain", "choose", "hold on to"],
    "drop": ["drop", "remove", "delete", "throw away", "leave out", "discard", "exclude", "get rid of"],
    "give": ["compute", "find", "get", "work out", "determine", "look up", "give", "collect", "report"],
    "sort": ["sort", "order", "arrange", "rank", "line up"],
    "high": ["highest", "largest", "greatest", "biggest"],
    "low": ["lowest", "smallest", "least", "minimal"],
    "every": ["every", "each"],
    "cut": ["limit", "clamp", "cap", "confine", "restrict"],
    "all": ["all {rec}", "the {rec}", "{b}", "all {rec} of {b}", "the {rec} in {b}", "all records"],
}
