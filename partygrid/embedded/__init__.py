"""The servers that come along when no address of one's own is given, and who watches over them."""
