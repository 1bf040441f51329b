"""Importing this module makes the metadata complete."""

import models.audit_rows
import models.cases
import models.digests
import models.directory_rows
import models.doors
import models.erasures
import models.notices
import models.shards  # noqa: F401  (imported for the tables they declare)
from models.table import Table

__all__ = ["Table"]
