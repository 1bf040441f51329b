"""What people see of a telephone number that they may not know."""

import re


def masked_phone(number: str) -> str:
    """Return the number with its middle hidden: 138****1234; of a short one only the end shows."""
    digits = re.sub(r"[^0-9]", "", number)
    if len(digits) == 13 and digits.startswith("86"):
        digits = digits[2:]
    if len(digits) == 11:
        return f"{digits[:3]}****{digits[-4:]}"
    shown = 4 if len(digits) >= 10 else 2 if len(digits) >= 7 else 0
    return "****" + digits[len(digits) - shown :]
