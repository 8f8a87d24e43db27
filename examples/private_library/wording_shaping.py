"""How users describe calls that change fields and values; see wording.py.

The noun phrases begin with "the {rec}", so that "the trips with price above 5" can take the place of that.
"""

SHAPING = {
    "mirt": (
        "2:f g",
        "the {rec} with only {f} and {g}|the {rec} reduced to {f} and {g}|the {rec} with no <field>s but {f} and {g}|"
        "the {rec} with just the <field>s {f} and {g}|the {rec} cut down to {f} and {g}|"
        "the {rec} with nothing but {f} and {g}|the {rec} with {f} and {g} as their only <field>s",
        "<keep> only the <field>s {f} and {g}|<keep> nothing but {f} and {g}|reduce the {rec} to {f} and {g}|"
        "<keep> {f} and {g} and no other <field>s|<drop> all <field>s except {f} and {g}|"
        "show only {f} and {g} of <every> {one}|<drop> every <field> but {f} and {g}|from <every> {one} keep {f} and {g}|"
        "<keep> {f} and {g}, drop the other <field>s|of the <field>s, only {f} and {g} should stay|"
        "cut <every> {one} down to {f} and {g}",
        "<field>s: only {f} and {g}|only {f} and {g}, the other <field>s are not needed|just the <field>s {f} and {g}",
    ),
    "nurt": (
        "fa:f",
        "the {rec} without the <field> {f}|the {rec} without their {f}|the {rec} with the <field> {f} removed|"
        "the {rec} with all <field>s but {f}|the {rec} with every <field> except {f}|the {rec} stripped of {f}|"
        "the {rec} with {f} taken out",
        "<drop> the <field> {f}|<drop> {f} from <every> {one}|<drop> the {f} <field>|strip {f} from the {rec}|"
        "<keep> all <field>s except {f}|take {f} out of <every> {one}|<drop> the <field> {f} from all {rec}|"
        "hide the <field> {f}|we do not need the <field> {f}, so drop it|leave the <field> {f} out of <every> {one}|"
        "<keep> every <field> but {f}",
        "all <field>s but {f}|no <field> {f} any more|everything except the <field> {f}|the <field> {f} must go",
    ),
    "reld": (
        "fa:f new",
        "the {rec} with {f} renamed to {new}|the {rec} with {new} as the name of {f}|the {rec} with {f} now called {new}|"
        "the {rec} with the <field> {f} called {new}|the {rec} with the <field> name {f} changed to {new}|"
        "the {rec} with {new} as the new name for {f}|the {rec} with {f} under the name {new}",
        "rename {f} to {new}|rename the <field> {f} to {new}|call the <field> {f} {new} from now on|"
        "change the name of {f} to {new}|give {f} the name {new}|let the <field> {f} be called {new}|"
        "rename {f} as {new}|use the name {new} for the <field> {f}|change the <field> name {f} to {new}|"
        "the <field> {f} gets the new name {new}|make {new} the name of the <field> {f}",
        "{f} should be called {new}|new name for {f}: {new}|{f} -> {new} (rename)|the <field> {f} is now {new}",
    ),
    "plon": (
        ":new k",
        "the {rec} with a new <field> {new} that is always {k}|the {rec} with the new <field> {new} set to {k}|"
        "the {rec} with an extra <field> {new} of {k}|the {rec} with {k} as {new} in <every> {one}|"
        "the {rec} with a constant <field> {new} of {k}|the {rec} marked with {new} {k}",
        "add a <field> {new} with the value {k}|set {new} to {k} in <every> {one}|give <every> {one} a {new} of {k}|"
        "add {new} = {k} to <every> {one}|put {k} into a new <field> {new}|mark all {rec} with {new} {k}|"
        "add a new <field> {new} and fill it with {k}|add the <field> {new}, which is {k} for <every> {one}|"
        "create a <field> {new} that holds {k} everywhere|write {k} into the <field> {new} of all {rec}|"
        "for <every> {one} set {new} to {k}|add a constant <field> {new}: {k}",
        "{new} is {k} for all {rec}|{new} = {k} everywhere|<every> {one} gets {new} {k}|new <field> {new}, always {k}",
    ),
    "glim": (
        "fn:f k",
        "the {rec} with {f} multiplied by {k}|the {rec} with {f} times {k}|the {rec} with {f} scaled by {k}|"
        "the {rec} with <every> {f} multiplied by {k}|the {rec} with {k} times the {f}|"
        "the {rec} with their {f} scaled by a factor of {k}",
        "multiply {f} by {k}|scale {f} by {k}|multiply the {f} of <every> {one} by {k}|scale up {f} by a factor of {k}|"
        "multiply <every> {f} by {k}|take {f} times {k}|make {f} {k} times as large|multiply the <field> {f} by {k}|"
        "replace {f} by {k} times {f}|for <every> {one}, multiply {f} by {k}|apply a factor of {k} to {f}|"
        "change {f} to {k} times its value",
        "{f} * {k}|{f} times {k} in <every> {one}|<every> {f} should be {k} times as large|factor {k} on {f}",
    ),
    "grom": (
        "fn:f k",
        "the {rec} with {k} added to {f}|the {rec} with {f} raised by {k}|the {rec} with {f} increased by {k}|"
        "the {rec} with {k} more {f} each|the {rec} with their {f} plus {k}|the {rec} with {k} added to <every> {f}",
        "add {k} to {f}|raise {f} by {k}|increase {f} by {k}|add {k} to the {f} of <every> {one}|raise <every> {f} by {k}|"
        "shift {f} up by {k}|make {f} larger by {k}|put {k} on top of <every> {f}|for <every> {one}, increase {f} by {k}|"
        "let {f} go up by {k}|add {k} to the <field> {f}|increment {f} by {k}",
        "{f} + {k}|<every> {f} plus {k}|{f} goes up by {k}|{k} more {f} for <every> {one}",
    ),
    "blay": (
        "fn:f d",
        "the {rec} with {f} rounded to {d} places|the {rec} with {f} rounded to {d} decimals|"
        "the {rec} with {f} to {d} decimal places|the {rec} with their {f} rounded to {d} digits after the point|"
        "the {rec} with <every> {f} rounded to {d} decimal places|the {rec} with rounded {f}, {d} decimals",
        "round {f} to {d} places|round {f} to {d} decimal places|round the {f} of <every> {one} to {d} decimals|"
        "round <every> {f} to {d} digits after the point|cut {f} to {d} decimals by rounding|"
        "give {f} a precision of {d} decimal places|"
        "round the <field> {f} to {d} decimals|use {d} decimals for {f}, rounded|round off {f} to {d} decimal places|"
        "make {f} have {d} digits behind the comma, rounded|for <every> {one}, round {f} to {d} places",
        "{f} with {d} decimals|{f}, rounded to {d} places|{f} to {d} decimal places|{d} decimals are enough for {f}",
    ),
    "cronk": (
        "fn:f lo hi",
        "the {rec} with {f} limited to {lo} to {hi}|the {rec} with {f} kept between {lo} and {hi}|"
        "the {rec} with {f} clamped from {lo} to {hi}|the {rec} with {f} clipped to {lo} and {hi}|"
        "the {rec} with <every> {f} forced into the range {lo} to {hi}|"
        "the {rec} with {f} raised to {lo} or lowered to {hi} where it lies outside",
        "<cut> {f} to the range from {lo} to {hi}|<cut> {f} between {lo} and {hi}|force {f} to lie between {lo} and {hi}|"
        "<cut> the {f} of <every> {one} to {lo} to {hi}|clip {f} at {lo} and {hi}|"
        "raise {f} to at least {lo} and lower it to at most {hi}|set {f} below {lo} to {lo} and above {hi} to {hi}|"
        "do not let {f} be under {lo} or over {hi}: use these limits instead|bring {f} into the range {lo} to {hi}|"
        "<cut> the <field> {f} to values from {lo} to {hi}|make {f} at least {lo} and at most {hi}",
        "{f} at least {lo}, at most {hi}: replace what lies outside by the limit|clamp: {f}, {lo} to {hi}|"
        "{f} must stay within {lo} and {hi}, so clip it|clip {f} to [{lo}, {hi}]",
    ),
    "feld": (
        "fn:f k",
        "the {rec} with missing {f} replaced by {k}|the {rec} with {k} put in where {f} is missing|"
        "the {rec} with gaps in {f} set to {k}|the {rec} with {k} instead of a missing {f}|"
        "the {rec} with <every> missing {f} filled with {k}|the {rec} with {f} filled up with {k}",
        "fill missing {f} with {k}|replace missing {f} by {k}|put {k} where {f} is missing|use {k} for <every> missing {f}|"
        "fill the gaps of {f} with {k}|set {f} to {k} where it is None|where {f} is missing, write {k}|"
        "if a {one} has no {f}, use {k}|treat a missing {f} as {k}|replace None in {f} with {k}|"
        "fill in {k} for {rec} without a {f}|let {k} be the default of {f}|for unknown {f} put {k}",
        "{k} is the default where {f} is missing|missing {f} -> {k}|no {f}? then {k}|{f}: {k} instead of None",
    ),
    "yex": (
        "2n:f g new",
        "the {rec} with the sum of {f} and {g} as {new}|the {rec} with a <field> {new} that holds {f} plus {g}|"
        "the {rec} with {f} and {g} added up in {new}|the {rec} with {new}, which is {f} plus {g}|"
        "the {rec} with a new <field> {new} for the sum of {f} and {g}|the {rec} with {new} = {f} + {g}",
        "add {f} and {g} into a new <field> {new}|put the sum of {f} and {g} into {new}|store {f} plus {g} in {new}|"
        "make a <field> {new} out of {f} plus {g}|add up {f} and {g} as {new}|let {new} be the sum of {f} and {g}|"
        "for <every> {one}, add {f} and {g} and store it as {new}|create {new} as {f} + {g}|"
        "add a <field> {new} with the sum of {f} and {g}|set {new} to {f} plus {g}|sum the <field>s {f} and {g} into {new}|"
        "calculate {new} from {f} and {g} by adding them",
        "{new} = {f} + {g}|{new} is {f} plus {g}|new <field> {new}: {f} and {g} together|{f} + {g} as {new}",
    ),
    "stenk": (
        "ft:f",
        "the {rec} with {f} put into upper case|the {rec} with {f} written in capital letters|"
        "the {rec} with {f} turned into uppercase|the {rec} with {f} changed to capitals|"
        "the {rec} with <every> {f} converted to upper case|the {rec} with their {f} uppercased",
        "write {f} in upper case|turn {f} into capital letters|make {f} uppercase|put <every> {f} in capitals|"
        "convert {f} to upper case|capitalise all letters of {f}|change the <field> {f} to uppercase|"
        "spell {f} in capital letters only|uppercase the {f} of <every> {one}|write <every> {f} with capitals only|"
        "set {f} in big letters|use capital letters for {f}",
        "{f} in upper case|{f} all caps|uppercase {f} in <every> {one}|<every> {f} should be in capitals",
    ),
    "stilk": (
        "ft:f",
        "the {rec} with {f} put into lower case|the {rec} with {f} written in small letters|"
        "the {rec} with {f} turned into lowercase|the {rec} with {f} changed to small letters|"
        "the {rec} with <every> {f} converted to lower case|the {rec} with their {f} lowercased",
        "write {f} in lower case|turn {f} into small letters|make {f} lowercase|put <every> {f} in small letters|"
        "convert {f} to lower case|use no capital letters in {f}|change the <field> {f} to lowercase|"
        "spell {f} in small letters only|lowercase the {f} of <every> {one}|write <every> {f} without capitals|"
        "make all letters of {f} small|use small letters for {f}",
        "{f} in lower case|{f}: no capitals|lowercase {f} in <every> {one}|<every> {f} should be in small letters",
    ),
    "ruval": (
        "fn:f new",
        "the {rec} with the running total of {f} as {new}|the {rec} with {f} summed up so far in {new}|"
        "the {rec} with the cumulative {f} in {new}|the {rec} with a running sum of {f} in the <field> {new}|"
        "the {rec} with {new} for the total {f} up to <every> {one}|the {rec} with {f} accumulated in {new}",
        "put the running total of {f} into {new}|add a <field> {new} with the running sum of {f}|accumulate {f} in {new}|"
        "store the cumulative {f} as {new}|let {new} be the total of {f} so far|sum {f} up {one} by {one} into {new}|"
        "add {new}, the {f} up to and including <every> {one}|keep a running total of {f} in {new}|"
        "for <every> {one}, write into {new} the sum of {f} up to there|build the cumulative sum of {f} in {new}|"
        "add up {f} step by step in {new}|compute the cumulative total of {f} and name it {new}",
        "{new}: running total of {f}|{new} = {f} so far, added up|cumulative {f} as {new}|running sum of {f} in {new}",
    ),
    "ruvor": (
        "fn:f new",
        "the {rec} with the <high> {f} so far as {new}|the {rec} with the running maximum of {f} in {new}|"
        "the {rec} with the <high> {f} up to <every> {one} in {new}|the {rec} with {new} for the <high> {f} until then|"
        "the {rec} with a running maximum of {f} as {new}|the {rec} with {new}, the maximum of {f} up to there",
        "put the <high> {f} so far into {new}|add a <field> {new} with the running maximum of {f}|"
        "store the <high> {f} up to <every> {one} in {new}|let {new} be the <high> {f} so far|"
        "keep the running maximum of {f} in {new}|for <every> {one}, write the <high> {f} until there into {new}|"
        "add {new}, the <high> {f} seen up to <every> {one}|track the <high> {f} so far in {new}|"
        "compute the cumulative maximum of {f} as {new}|note in {new} the <high> {f} reached so far|"
        "set {new} to the maximum of {f} up to and including <every> {one}",
        "{new}: running maximum of {f}|{new} = <high> {f} so far|cumulative max of {f} as {new}|max {f} until now in {new}",
    ),
    "tarn": (
        ":new i",
        "the {rec} numbered in {new} from {i} on|the {rec} with numbers from {i} on in {new}|"
        "the {rec} with a <field> {new} that counts from {i}|the {rec} with {new} as their number, starting at {i}|"
        "the {rec} with consecutive numbers in {new}, the first is {i}|the {rec} numbered from {i} upwards as {new}",
        "number the {rec} in {new} from {i} on|number the {rec} in a <field> {new}, starting at {i}|"
        "put numbers from {i} on into {new}|count the {rec} up in {new}, beginning with {i}|"
        "add a <field> {new} that numbers the {rec} from {i}|give <every> {one} a number from {i} on in {new}|"
        "add a counter {new} that starts with {i}|write the numbers {i}, {i}+1 and so on into {new}|"
        "enumerate the {rec} in {new}, from {i}|let {new} count the {rec}, where the first gets {i}|"
        "add consecutive numbers as {new}, starting with {i}|number all {rec}: <field> {new}, first number {i}",
        "{new}: number of the {one}, from {i} on|{new} counts the {rec} from {i}|numbers from {i} in {new}, please",
    ),
}
SHAPING_VARIANTS = {
    "mirt": (
        "1:f",
        "the {rec} with only the <field> {f}|the {rec} reduced to the <field> {f}|the {rec} with no <field> but {f}",
        "<keep> only the <field> {f} of <every> {one}|<drop> all <field>s except {f}|reduce <every> {one} to its {f}",
        "only the <field> {f}, still as {rec}",
    ),
    "glim": (
        "fn:f k2",
        "the {rec} with {f} {k2ed}|the {rec} with their {f} {k2ed}",
        "{k2} {f}|{k2} the {f} of <every> {one}|{k2} <every> {f}|{k2} the <field> {f}",
        "<every> {f} should be {k2ed}",
    ),
    "grom": (
        "fn:f less",
        "the {rec} with {less} subtracted from {f}|the {rec} with {f} lowered by {less}|the {rec} with {less} less {f} each",
        "subtract {less} from {f}|lower {f} by {less}|reduce {f} by {less}|decrease <every> {f} by {less}|"
        "take {less} off the {f} of <every> {one}|take away {less} from <every> {f}|shift {f} down by {less}",
        "{f} - {less}|<every> {f} minus {less}|{f} goes down by {less}",
    ),
    "blay": (
        "fn:f d0",
        "the {rec} with {f} rounded to 0 places|the {rec} with {f} rounded to no decimals",
        "round {f} to no decimal places|round {f} to whole numbers (0 places)|round off the decimals of <every> {f}",
        "{f} without decimals, rounded",
    ),
    "feld": (
        "ft:f kt",
        "the {rec} with {kt} instead of a missing {f}|the {rec} with missing {f} replaced by {kt}",
        "fill missing {f} with {kt}|write {kt} where {f} is missing|use {kt} for <every> {one} without a {f}|"
        "replace None in {f} with {kt}|if a {one} has no {f}, put {kt}",
        "missing {f} -> {kt}|{kt} where there is no {f}",
    ),
}
