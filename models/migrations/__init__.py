"""Changes of the database's shape, in order. `partygrid up` and `partygrid init` apply them."""
