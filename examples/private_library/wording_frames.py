"""What stands around a description: comments, docstrings, a sentence in front, joins of two steps, names of functions.

{t} is the description, {T} the same with a capital, {n} the name of the result, {S} the records that a first call gives.
"""

COMMENTS = {
    "noun": "{t}|{t}|{T}|{T}.|{n}: {t}|{n} is {t}|let {n} be {t}|store {t} in {n}|we need {t}|put {t} into {n}|get {t}|"
    "I need {t}|show {t}|show me {t}|give me {t}|{t}, please|need {t}|{n} = {t}|we want {t} here|what we want: {t}|"
    "{t} -> {n}|{n} should be {t}|{n} should hold {t}|save {t} as {n}|I would like to have {t}|Please give {t}.|"
    "now {t}|We are interested in {t}.|{n} must be {t}",
    "order": "{t}|{t}|{T}|{T}.|{T}.|{t} and call the result {n}|{t}; the result is {n}|now {t}|{n}: {t}|please {t}|"
    "{T}, please.|I want to {t}|we need to {t}|could you {t}?|we have to {t}|task: {t}|TODO: {t}|next, {t}|"
    "to get {n}, {t}|you should {t}|for {n}, {t}|It is necessary to {t}.|Let us {t}.",
    "line": "{T}|{t}|{T}|{n}: {t}",
}
DOCSTRINGS = {
    "noun": "Return {t}|Return {t}|Return {t}|{T}|{T}|Give {t}|Get {t}|Find {t}|Returns {t}|This function returns {t}|"
    "We want {t}|Function that gives {t}|The result is {t}|Give back {t}|I need {t}",
    "order": "{T}|{T}|{T}|{T}|{T} and return the result|{T} and return it|This function should {t}|A function to {t}|"
    "{T}; return the new value|Please {t}",
    "line": "{T}",
}
# orders that begin otherwise than with a verb take only the plain frames
NO_VERB = ("by ", "if ", "for ", "from ", "where ", "of ", "per ", "the ", "do ", "we ", "step ", "first ")
CONTEXTS = (
    "We keep our {b} in `{b}`.|`{b}` is a brod of {rec}.|The brod `{b}` holds our {rec}.|"
    "Each {one} of `{b}` has {fields}.|All {rec} are in the brod {b}.|The {rec} have the fields {fields}.|"
    "The data in `{b}` comes from our books: {fields} of each {one}.|We look at {rec} with {fields}.|"
    "Our list of {rec} has become long.|In `{b}`, a {one} has {fields}."
)
HEADERS = (
    "our {b}|the {rec} of this week: {fields}|the brod `{b}` with {fields}|a brod of {rec} with {fields}|"
    "some {rec} to work with|{fields} of a few {rec}|the data|we write down {fields} for each {one}"
)
PLAIN_ROWS = (
    "`{b}` is a list of dicts, not yet a brod.|{b} is a plain list of dicts; make a brod of it first.|"
    "Make a brod from the list of dicts {b}.|The argument is a list of dicts."
)
# a description of a value, for {S} in front of it
FRONTS = (
    "for {S}: {t}|among {S}: {t}|take {S} and <give> {t}|look at {S} and <give> {t}|from {S}, <give> {t}|"
    "for {S}, <give> {t}|we only look at {S}; <give> {t}|of {S}, <give> {t}"
)
# a brod of a brod
INSIDE = "{t} among {S}|of {S}, {t}|among {S}, {t}|from {S}, {t}"
JOINS = (
    ", then | and then |; then |, and after that | and |, next |. Then |. After that |. Next, |; afterwards |, finally |"
    ", and |, second |. Now |. With what you get, |; and "
)
# {rec} again, after a call that leaves some out or after one that changes them
LEFT = "them|the rest|what is left|the remaining {rec}|these {rec}|the result|those"
CHANGED = "them|the result|the new {rec}|the changed {rec}|these {rec}|all of them"
# two conditions on one field -> the two calls
RANGES = {
    "torvor torvun": "whose {f} is above {lo} and below {hi}|with {f} > {lo} and < {hi}|"
    "with a {f} of more than {lo} but less than {hi}|with {lo} < {f} < {hi}|"
    "whose {f} lies between {lo} and {hi} (both excluded)|where {f} is greater than {lo} and less than {hi}",
    "drepun drepor": "whose {f} is from {lo} to {hi} (both included)|with {f} >= {lo} and <= {hi}|"
    "with a {f} of at least {lo} and at most {hi}|with {lo} <= {f} <= {hi}|"
    "whose {f} is between {lo} and {hi} inclusive|where {f} is no less than {lo} and no more than {hi}",
}
ANDS = (" and ", " and ", ", and ", " and also ")
# root of a call -> names of functions
NAMES = {
    "torv": "keep_{f}|{b}_by_{f}|filter_{b}|select_{f}|only_{f}|wanted_{b}",
    "drep": "drop_{f}|without_{f}|remove_{b}|exclude_{f}|clean_{b}",
    "quen": "count_{b}|number_of_{b}|how_many_{b}|{b}_count|n_{b}",
    "silor": "sort_by_{f}|highest_{f}_first|{b}_by_falling_{f}|sort_{b}_down",
    "silun": "sort_by_{f}|lowest_{f}_first|{b}_by_rising_{f}|sort_{b}_up",
    "pelor": "top_{b}|highest_{f}|best_{b}|top_by_{f}",
    "pelun": "bottom_{b}|lowest_{f}|smallest_{b}|bottom_by_{f}",
    "hask": "first_{b}|head_of_{b}|start_of_{b}",
    "tolk": "last_{b}|tail_of_{b}|end_of_{b}",
    "fenn": "sample_{b}|thin_out|every_nth|thin_{b}",
    "orrin": "reverse_{b}|backwards|reversed_{b}|flip_{b}",
    "mirt": "slim_{b}|keep_fields|only_columns|narrow_{b}",
    "nurt": "without_{f}|drop_column|hide_{f}|drop_{f}",
    "reld": "rename_{f}|rename_column|new_name|rename_in_{b}",
    "plon": "mark_{b}|add_constant|tag_{b}|add_{new}",
    "glim": "scale_{f}|multiply_{f}|convert_{f}|scale_{b}",
    "grom": "adjust_{f}|shift_{f}|change_{f}|correct_{f}",
    "blay": "round_{f}|rounded_{b}|round_off|tidy_{f}",
    "cronk": "clip_{f}|limit_{f}|clamp_{f}|bound_{f}",
    "feld": "fill_{f}|fill_gaps|default_{f}|complete_{b}",
    "yex": "add_{new}|sum_fields|combine_{f}|total_of_two",
    "stenk": "upper_{f}|shout_{f}|capital_{f}|uppercase_{b}",
    "stilk": "lower_{f}|small_{f}|lowercase_{b}|normalise_{f}",
    "ruval": "running_{f}|cumulate_{f}|add_{new}|running_total",
    "ruvor": "highest_so_far|running_max|peak_{f}|add_{new}",
    "tarn": "number_{b}|add_{new}|enumerate_{b}|with_numbers",
    "zal": "list_{f}|{f}_list|all_{f}|{f}_values|get_{f}",
    "zalix": "different_{f}|unique_{f}|distinct_{f}|{f}_set",
    "masor": "highest_{f}|max_{f}|largest_{f}|peak_{f}",
    "masun": "lowest_{f}|min_{f}|smallest_{f}|least_{f}",
    "masal": "total_{f}|sum_{f}|sum_of_{f}|add_up_{f}",
    "masen": "mean_{f}|average_{f}|avg_{f}|usual_{f}",
    "wexor": "best|record_with_highest_{f}|top_one|largest_by_{f}",
    "wexun": "worst|record_with_lowest_{f}|smallest_one|least_by_{f}",
    "grel": "to_dicts|as_dicts|export_{b}|{b}_as_list",
    "galor": "highest_{f}_per_{by}|max_per_group|max_by_{by}",
    "galun": "lowest_{f}_per_{by}|min_per_group|min_by_{by}",
    "galal": "total_{f}_per_{by}|sum_per_group|sums_by_{by}",
    "galen": "mean_{f}_per_{by}|average_per_group|means_by_{by}",
    "galquen": "count_per_{by}|{b}_per_{by}|group_sizes|counts_by_{by}",
    "knit": "join_lists|stack|append_{b}|concat_{b}",
    "plex": "join|merge_{b}|look_up|match_{b}",
}
GENERIC_NAMES = (
    "pick|choose|report|answer|reduce|prepare|shorten|review|check|clean|select|inspect|refine|measure|gather|derive|survey|"
    "rework|adapt|assess|get|make|compute|process|run|handle|solve|task|step"
)
