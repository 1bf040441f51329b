"""What the invented townships are called; cheap to import, so that commands know how many."""

#: The invented county's townships; a smaller county has the first of them.
TOWNSHIP_NAMES = ("晴岚镇", "禾渡镇", "松漪镇", "云篱乡")
