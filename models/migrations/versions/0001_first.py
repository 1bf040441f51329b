"""The first shape."""

from alembic import op

from models.append_only import statements
from models.every_table import Table

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table, and the triggers that protect the audit."""
    Table.metadata.create_all(op.get_bind())
    for statement in statements():
        op.execute(statement)


def downgrade() -> None:
    """Drop everything."""
    Table.metadata.drop_all(op.get_bind())
    op.execute("DROP FUNCTION refuse_change")
