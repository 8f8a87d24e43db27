"""Words, names and values that the programs of make_corpus.py draw from."""


def _words(text: str) -> list[str]:
    return text.split()


NUMBERS = _words(
    "depth weight length width height speed price cost stock age score points rank level pressure heat load volume "
    "area distance duration delay count size rate share wage rent tax fee salt sugar fat power voltage current noise "
    "light rain wind snow dust yield profit loss sales visits clicks votes seats rooms floors pages words lines "
    "errors laps goals temperature capacity balance salary discount humidity altitude mileage attempts seconds hours days "
    "year quantity amount_due unit_cost exam_score fuel_used num_pages staff wait_min max_load net_weight"
)
UNCOUNTABLE = _words(
    "stock heat salt sugar fat power light rain wind snow dust noise pressure staff fuel_used quantity amount_due altitude "
    "humidity mileage net_weight wait_min num_pages max_load"
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
    "day": "Monday Tuesday Friday Sunday",
    "subject": "maths physics art history",
    "department": "sales finance support research",
    "category": "food clothing books garden",
    "customer": "Meyer Okafor Silva Novak Tanaka",
    "region": "north south east west",
    "branch": "Main_Street Old_Town Riverside Airport",
    "model": "A100 B20 C7 D450",
    "language": "French German Polish Hindi",
    "material": "oak steel glass cotton",
    "first_name": "Ines Tom Ravi Mia Jonas",
    "ticket_type": "adult child senior group",
    "priority": "low normal high urgent",
    "course": "Algebra_I Biology World_History Chemistry",
}
TEXTS = {name: [word.replace("_", " ") for word in text.split()] for name, text in TEXTS.items()}
BRODS = _words(
    "trips loads boats plants orders books trains tickets bills parcels cows jobs games runs tests calls songs farms "
    "ships meals tanks walls roofs roads lamps beds coins stamps films shirts cups maps bikes cars desks doors "
    "tools trees birds wells pumps mines mills ovens bottles barrels baskets "
    "students products invoices loans visitors flights houses employees players hotels cakes letters lessons repairs "
    "payments machines recipes concerts patients clients samples meetings"
)
GENERIC_BRODS = _words("data records rows table brod entries")
RESULTS = _words(
    "result chosen kept left found answer picked part sub out rest selection subset final value outcome best it "
    "summary done view short wanted report output res new_brod filtered values total top info x ans"
)
NEW_FIELDS = _words(
    "extra total_so_far mark tag position index running year source batch both note code amount sum_of_both group_no "
    "line_no flag stage series season level_no full_price region_code rank_no checked grand_total "
    "counter peak active label_no combined"
)
PARAMETERS = {
    "n": "limit threshold bound border",
    "v": "value wanted given item",
    "vs": "values wanted allowed choices",
    "p": "piece fragment snippet",
    "c": "how_many count top_n",
    "s": "step stride every_n",
    "k": "number amount value x",
    "d": "places digits",
    "f": "field name",
    "by": "by group key",
    "i": "first start",
}
WORDS = {
    "keep": ["keep", "select", "take", "pick out", "retain", "choose", "get", "keep", "extract"],
    "drop": [
        "drop",
        "remove",
        "delete",
        "throw away",
        "leave out",
        "discard",
        "exclude",
        "get rid of",
        "drop",
        "cut out",
    ],
    "give": [
        "compute",
        "find",
        "get",
        "work out",
        "determine",
        "give",
        "report",
        "show",
        "return",
        "calculate",
        "tell me",
    ],
    "sort": ["sort", "order", "arrange", "rank", "line up", "sort"],
    "high": ["highest", "largest", "greatest", "biggest", "highest"],
    "low": ["lowest", "smallest", "least", "lowest"],
    "large": ["highest", "largest", "biggest"],
    "small": ["lowest", "smallest"],
    "every": ["every", "each"],
    "cut": ["limit", "clamp", "cap", "confine", "restrict", "clip"],
    "field": ["field", "column", "field", "key"],
    "rows": ["records", "rows", "entries"],
    "all": [
        *("all {rec}", "the {rec}", "{b}", "all {rec} of {b}", "the {rec} in {b}", "all records", "the brod {b}"),
        *("the brod", "our {rec}", "the whole brod", "the table {b}", "all the {rec}", "everything in {b}"),
    ],
}
NUMBER_WORDS = _words("zero one two three four five six seven eight nine ten eleven twelve")
