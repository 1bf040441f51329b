"""An invented county, generated from a seed, to try, show and test everything with."""

#: The invented county's townships; a smaller county has the first of them.
TOWNSHIP_NAMES = ("晴岚镇", "禾渡镇", "松漪镇", "云篱乡")
