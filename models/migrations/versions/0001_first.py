"""The first shape: every table, and the triggers that protect the audit."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from models.append_only import statements

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table, and the triggers that protect the audit."""
    op.create_table('app_tokens',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('secret_hash', sa.LargeBinary(), nullable=False),
    sa.Column('source', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('doors', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('event_types', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('territories', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('roles', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('restricted', sa.Boolean(), nullable=False),
    sa.Column('issued_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_app_tokens'))
    )
    op.create_index('ix_app_tokens_source', 'app_tokens', ['source'], unique=False)
    op.create_table('apps',
    sa.Column('revision', sa.BigInteger(), nullable=False),
    sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('source', sa.String(), nullable=False),
    sa.Column('key_id', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('public_key', sa.String(), nullable=False),
    sa.Column('territories', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('event_types', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('restricted', sa.Boolean(), nullable=False),
    sa.Column('valid_from', sa.DateTime(timezone=True), nullable=False),
    sa.Column('valid_to', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('revision', 'key_id', name=op.f('pk_apps'))
    )
    op.create_table('assignments',
    sa.Column('id', sa.UUID(as_uuid=False), nullable=False),
    sa.Column('case_id', sa.UUID(as_uuid=False), nullable=False),
    sa.Column('shard', sa.Integer(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('org', sa.String(), nullable=False),
    sa.Column('helpers', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('helpers_done', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('accepted_by', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('aid', sa.String(), nullable=True),
    sa.Column('kept_out', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('assignee', sa.String(), nullable=False),
    sa.Column('second', sa.String(), nullable=False),
    sa.Column('candidates', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('declined', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('recused', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('confirmed_by', sa.String(), nullable=False),
    sa.Column('requested_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('offered_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('accepted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('handled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('handled_by', sa.String(), nullable=False),
    sa.Column('checked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('checked_by', sa.String(), nullable=False),
    sa.Column('rework', sa.Integer(), nullable=False),
    sa.Column('progress', sa.Integer(), nullable=False),
    sa.Column('ended', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_assignments'))
    )
    op.create_index('ix_assignments_assignee', 'assignments', ['assignee', 'state'], unique=False)
    op.create_index(op.f('ix_assignments_case_id'), 'assignments', ['case_id'], unique=False)
    op.create_table('attempts',
    sa.Column('topic_id', sa.String(), nullable=False),
    sa.Column('partition', sa.Integer(), nullable=False),
    sa.Column('first_offset', sa.BigInteger(), nullable=False),
    sa.Column('last_offset', sa.BigInteger(), nullable=False),
    sa.Column('shard', sa.Integer(), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('begun_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('topic_id', 'partition', 'first_offset', name=op.f('pk_attempts'))
    )
    op.create_table('audit',
    sa.Column('shard', sa.Integer(), nullable=False),
    sa.Column('seq', sa.BigInteger(), nullable=False),
    sa.Column('case_id', sa.String(), nullable=False),
    sa.Column('case_seq', sa.BigInteger(), nullable=False),
    sa.Column('algorithm', sa.String(), nullable=False),
    sa.Column('act', sa.Text(), nullable=False),
    sa.Column('circumstance', sa.Text(), nullable=False),
    sa.Column('prev_hash', sa.LargeBinary(), nullable=False),
    sa.Column('case_prev_hash', sa.LargeBinary(), nullable=False),
    sa.Column('hash', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('shard', 'seq', name=op.f('pk_audit'))
    )
    op.create_index('ix_audit_case', 'audit', ['case_id', 'case_seq'], unique=False)
    op.create_table('calendars',
    sa.Column('version', sa.String(), nullable=False),
    sa.Column('kept_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('days', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('version', name=op.f('pk_calendars'))
    )
    op.create_table('case_numbers',
    sa.Column('grid', sa.String(), nullable=False),
    sa.Column('day', sa.String(), nullable=False),
    sa.Column('shard', sa.Integer(), nullable=False),
    sa.Column('last', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('grid', 'day', name=op.f('pk_case_numbers'))
    )
    op.create_table('cases',
    sa.Column('id', sa.UUID(as_uuid=False), nullable=False),
    sa.Column('shard', sa.Integer(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('number', sa.String(), nullable=False),
    sa.Column('county', sa.String(), nullable=False),
    sa.Column('township', sa.String(), nullable=False),
    sa.Column('village', sa.String(), nullable=False),
    sa.Column('grid', sa.String(), nullable=False),
    sa.Column('category', sa.String(), nullable=False),
    sa.Column('urgency', sa.String(), nullable=False),
    sa.Column('tier', sa.Integer(), nullable=False),
    sa.Column('emergency_level', sa.Integer(), nullable=False),
    sa.Column('mark', sa.String(), nullable=False),
    sa.Column('circle', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('source', sa.String(), nullable=False),
    sa.Column('origin', sa.String(), nullable=False),
    sa.Column('reporter_ref', sa.String(), nullable=False),
    sa.Column('filed_by', sa.String(), nullable=False),
    sa.Column('lon', sa.Float(), nullable=True),
    sa.Column('lat', sa.Float(), nullable=True),
    sa.Column('evidence', sa.Integer(), nullable=False),
    sa.Column('joint', sa.Boolean(), nullable=False),
    sa.Column('disputed', sa.Boolean(), nullable=False),
    sa.Column('public_interest', sa.Boolean(), nullable=False),
    sa.Column('occurred_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('reported_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('registered_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('policy_version', sa.String(), nullable=False),
    sa.Column('calendar_version', sa.String(), nullable=False),
    sa.Column('rule', sa.String(), nullable=False),
    sa.Column('merge_candidate', sa.String(), nullable=False),
    sa.Column('merged_into', sa.String(), nullable=False),
    sa.Column('merged', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('not_same', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('owner', postgresql.JSONB(none_as_null=True), nullable=True),
    sa.Column('due', postgresql.JSONB(none_as_null=True), nullable=True),
    sa.Column('breached_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('late_received', sa.Boolean(), nullable=False),
    sa.Column('rungs', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('ask', postgresql.JSONB(none_as_null=True), nullable=True),
    sa.Column('extensions', sa.Integer(), nullable=False),
    sa.Column('suspensions', sa.Integer(), nullable=False),
    sa.Column('suspended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('returns', sa.Integer(), nullable=False),
    sa.Column('rework', sa.Integer(), nullable=False),
    sa.Column('reopened', sa.Integer(), nullable=False),
    sa.Column('urged', sa.Integer(), nullable=False),
    sa.Column('supervised', sa.String(), nullable=False),
    sa.Column('leads', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('clocks', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('consultation_id', sa.UUID(as_uuid=False), nullable=True),
    sa.Column('assignment_id', sa.UUID(as_uuid=False), nullable=True),
    sa.Column('whistle_id', sa.UUID(as_uuid=False), nullable=True),
    sa.Column('visit_id', sa.UUID(as_uuid=False), nullable=True),
    sa.Column('grade', sa.String(), nullable=False),
    sa.Column('deeds', postgresql.JSONB(none_as_null=True), server_default='{}', nullable=False),
    sa.Column('history_ref', sa.String(), nullable=False),
    sa.Column('history_rows', sa.Integer(), nullable=False),
    sa.Column('audit_seq', sa.BigInteger(), nullable=False),
    sa.Column('audit_hash', sa.String(), nullable=False),
    sa.CheckConstraint("mark in ('none', 'confidential', 'bypass')", name=op.f('ck_cases_mark_known')),
    sa.CheckConstraint("state in ('STUB', 'REPORTED', 'SELF_CLOSED', 'VERIFYING', 'REGISTERED', 'REJECTED', 'MERGED', 'CONSULTING', 'DISPATCHED', 'ACCEPTED', 'RETURN_REQUESTED', 'HANDLING', 'SUSPENDED', 'WHISTLED', 'FEEDBACK', 'CHECKING', 'VISITING', 'CLOSED', 'REOPENED', 'CANCELLED', 'EVALUATED', 'ARCHIVED', 'HISTORY')", name=op.f('ck_cases_state_known')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_cases'))
    )
    op.create_index('ix_cases_guessed', 'cases', ['shard', 'id'], unique=False, postgresql_where=sa.text('due @> \'{"provisional": true}\' OR clocks @> \'[{"deadline": {"provisional": true}}]\''))
    op.create_index('ix_cases_history', 'cases', ['history_ref'], unique=False, postgresql_where=sa.text("history_ref <> ''"))
    op.create_index('ix_cases_place', 'cases', ['township', 'category', 'reported_at'], unique=False)
    op.create_index('ix_cases_state', 'cases', ['township', 'state'], unique=False)
    op.create_index('uq_cases_number', 'cases', ['number'], unique=True, postgresql_where=sa.text("number <> ''"))
    op.create_table('channel_addresses',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_kind', sa.String(), nullable=False),
    sa.Column('owner', sa.String(), nullable=False),
    sa.Column('channel', sa.String(), nullable=False),
    sa.Column('sealed', sa.LargeBinary(), nullable=False),
    sa.Column('language', sa.String(), nullable=False),
    sa.Column('preferred', sa.Boolean(), nullable=False),
    sa.Column('added_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("channel in ('mail', 'sms', 'chat')", name=op.f('ck_channel_addresses_channel_known')),
    sa.CheckConstraint("owner_kind in ('person', 'org')", name=op.f('ck_channel_addresses_owner_kind_known')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_channel_addresses'))
    )
    op.create_index('uq_channel_addresses_current', 'channel_addresses', ['owner_kind', 'owner', 'channel'], unique=True, postgresql_where=sa.text('ended_at is null'))
    op.create_table('conductor',
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('instant', sa.DateTime(timezone=True), nullable=False),
    sa.Column('handed_over', sa.Boolean(), nullable=False),
    sa.Column('reached', postgresql.JSONB(none_as_null=True), server_default='{}', nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_conductor'))
    )
    op.create_table('consultations',
    sa.Column('id', sa.UUID(as_uuid=False), nullable=False),
    sa.Column('case_id', sa.UUID(as_uuid=False), nullable=False),
    sa.Column('shard', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('body', sa.String(), nullable=False),
    sa.Column('org', sa.String(), nullable=False),
    sa.Column('stage', sa.String(), nullable=False),
    sa.Column('opened_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('meets_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('eligible', sa.Integer(), nullable=False),
    sa.Column('members', sa.Integer(), nullable=False),
    sa.Column('counted', sa.String(), nullable=False),
    sa.Column('roll', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('opinions', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('votes', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('sittings', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('passed', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('recalls', sa.Integer(), nullable=False),
    sa.Column('publicity', sa.String(), nullable=False),
    sa.Column('minutes', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('objections', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('items', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('outcome', sa.String(), nullable=False),
    sa.Column('outcome_reason', sa.String(), nullable=False),
    sa.Column('concluded_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('township_attendee', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_consultations'))
    )
    op.create_index(op.f('ix_consultations_case_id'), 'consultations', ['case_id'], unique=False)
    op.create_table('dead_letters',
    sa.Column('id', sa.UUID(as_uuid=False), nullable=False),
    sa.Column('shard', sa.Integer(), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('detail', sa.Text(), nullable=False),
    sa.Column('topic', sa.String(), nullable=False),
    sa.Column('topic_id', sa.String(), nullable=False),
    sa.Column('partition', sa.Integer(), nullable=False),
    sa.Column('offset', sa.BigInteger(), nullable=False),
    sa.Column('source', sa.String(), nullable=False),
    sa.Column('event_id', sa.String(), nullable=False),
    sa.Column('event_type', sa.String(), nullable=False),
    sa.Column('township', sa.String(), nullable=False),
    sa.Column('proved', sa.Boolean(), nullable=False),
    sa.Column('key', sa.LargeBinary(), nullable=True),
    sa.Column('headers', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('value', sa.LargeBinary(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('replayed_as', sa.String(), nullable=False),
    sa.Column('replayed_by', sa.String(), nullable=False),
    sa.Column('replayed_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("reason in ('malformed', 'unknown_type', 'unknown_version', 'invalid_data', 'too_large', 'unsigned', 'bad_signature', 'unknown_key', 'out_of_scope', 'wrong_topic', 'id_conflict', 'implausible_time', 'unknown_place', 'parked_too_long', 'parked_too_many', 'poison', 'crashed', 'unpublishable')", name=op.f('ck_dead_letters_reason_known')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_dead_letters'))
    )
    op.create_index('ix_dead_letters_at', 'dead_letters', ['at'], unique=False)
    op.create_table('digests',
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('scope', sa.String(), nullable=False),
    sa.Column('period', sa.String(), nullable=False),
    sa.Column('from_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('digest', postgresql.JSONB(none_as_null=True), nullable=True),
    sa.Column('addressees', sa.Integer(), nullable=False),
    sa.Column('policy_version', sa.String(), nullable=False),
    sa.Column('seal', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('kind', 'scope', 'period', name=op.f('pk_digests'))
    )
    op.create_index('ix_digests_unsent', 'digests', ['due_at'], unique=False, postgresql_where=sa.text('sent_at is null'))
    op.create_table('directory_clock',
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('revision', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_directory_clock'))
    )
    op.create_table('duties',
    sa.Column('revision', sa.BigInteger(), nullable=False),
    sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('org', sa.String(), nullable=False),
    sa.Column('role', sa.String(), nullable=False),
    sa.Column('person', sa.String(), nullable=False),
    sa.Column('valid_from', sa.DateTime(timezone=True), nullable=False),
    sa.Column('valid_to', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('revision', 'org', 'role', 'person', 'valid_from', name=op.f('pk_duties'))
    )
    op.create_table('erasures',
    sa.Column('id', sa.UUID(as_uuid=False), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('erased_by', sa.String(), nullable=False),
    sa.Column('policy_version', sa.String(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('counts', postgresql.JSONB(none_as_null=True), server_default='{}', nullable=False),
    sa.CheckConstraint("kind in ('words', 'identity', 'retention')", name=op.f('ck_erasures_kind_known')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_erasures'))
    )
    op.create_table('evidence_files',
    sa.Column('digest', sa.String(), nullable=False),
    sa.Column('source', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.Column('kept_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('digest', 'source', name=op.f('pk_evidence_files'))
    )
    op.create_table('free_texts',
    sa.Column('token', sa.String(), nullable=False),
    sa.Column('source', sa.String(), nullable=False),
    sa.Column('event_id', sa.String(), nullable=False),
    sa.Column('field', sa.String(), nullable=False),
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('words', sa.Text(), nullable=False),
    sa.Column('kept_since', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('token', 'source', 'event_id', 'field', name=op.f('pk_free_texts'))
    )
    op.create_index(op.f('ix_free_texts_subject'), 'free_texts', ['subject'], unique=False)
    op.create_table('identities',
    sa.Column('reporter_ref', sa.String(), nullable=False),
    sa.Column('key_id', sa.String(), nullable=False),
    sa.Column('ciphertext', sa.LargeBinary(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_opened_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('reporter_ref', name=op.f('pk_identities'))
    )
    op.create_table('installation',
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('value', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_installation'))
    )
    op.create_table('journal',
    sa.Column('shard', sa.Integer(), nullable=False),
    sa.Column('seq', sa.BigInteger(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('source', sa.String(), nullable=False),
    sa.Column('event_id', sa.String(), nullable=False),
    sa.Column('event_type', sa.String(), nullable=False),
    sa.Column('content_hash', sa.String(), nullable=False),
    sa.Column('sequence', sa.BigInteger(), nullable=False),
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('township', sa.String(), nullable=False),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('directory_revision', sa.BigInteger(), nullable=False),
    sa.Column('policy_version', sa.String(), nullable=False),
    sa.Column('calendar_version', sa.String(), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('signature', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('shard', 'seq', name=op.f('pk_journal'))
    )
    op.create_index('ix_journal_numbered', 'journal', ['source', 'decided_at'], unique=False, postgresql_where=sa.text('sequence >= 0'))
    op.create_index('uq_journal_identity', 'journal', ['source', 'event_id'], unique=True)
    op.create_table('notice_holds',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('until', sa.DateTime(timezone=True), nullable=False),
    sa.Column('placed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('released_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_notice_holds'))
    )
    op.create_table('notices',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('shard', sa.Integer(), nullable=False),
    sa.Column('township', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('urgent', sa.Boolean(), nullable=False),
    sa.Column('discreet', sa.Boolean(), nullable=False),
    sa.Column('case_id', sa.Uuid(), nullable=True),
    sa.Column('case_number', sa.String(), nullable=True),
    sa.Column('addressee_kind', sa.String(), nullable=False),
    sa.Column('addressee', sa.String(), nullable=True),
    sa.Column('role', sa.String(), nullable=True),
    sa.Column('org', sa.String(), nullable=True),
    sa.Column('params', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('dedup_key', sa.String(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('spread_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('settled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('held_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('repeat_of', sa.Uuid(), nullable=True),
    sa.CheckConstraint("(addressee_kind = 'nobody') = (addressee is null)", name=op.f('ck_notices_somebody')),
    sa.CheckConstraint("addressee_kind in ('person', 'org', 'reporter', 'nobody')", name=op.f('ck_notices_addressee_kind_known')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_notices'))
    )
    op.create_index(op.f('ix_notices_addressee_kind_addressee_created_at'), 'notices', ['addressee_kind', 'addressee', 'created_at'], unique=False)
    op.create_index(op.f('ix_notices_case_id'), 'notices', ['case_id'], unique=False)
    op.create_index(op.f('ix_notices_dedup_key_addressee_created_at'), 'notices', ['dedup_key', 'addressee', 'created_at'], unique=False)
    op.create_index('ix_notices_unspread', 'notices', ['created_at'], unique=False, postgresql_where=sa.text('spread_at is null and held_at is null'))
    op.create_table('orgs',
    sa.Column('revision', sa.BigInteger(), nullable=False),
    sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('parent', sa.String(), nullable=False),
    sa.Column('code', sa.String(), nullable=False),
    sa.Column('department', sa.String(), nullable=False),
    sa.Column('serves', sa.String(), nullable=False),
    sa.Column('grid_kind', sa.String(), nullable=False),
    sa.Column('households', sa.Integer(), nullable=False),
    sa.Column('outline', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('valid_from', sa.DateTime(timezone=True), nullable=False),
    sa.Column('valid_to', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('revision', 'id', name=op.f('pk_orgs'))
    )
    op.create_index(op.f('ix_orgs_id'), 'orgs', ['id'], unique=False)
    op.create_table('outbox',
    sa.Column('id', sa.BigInteger(), autoincrement=True, nullable=False),
    sa.Column('shard', sa.Integer(), nullable=False),
    sa.Column('topic', sa.String(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('source', sa.String(), nullable=False),
    sa.Column('event_id', sa.String(), nullable=False),
    sa.Column('headers', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('value', sa.LargeBinary(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('published_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('partition', sa.Integer(), nullable=False),
    sa.Column('instant', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_outbox'))
    )
    op.create_index('ix_outbox_event', 'outbox', ['event_id'], unique=False)
    op.create_index('ix_outbox_unpublished', 'outbox', ['shard', 'id'], unique=False, postgresql_where=sa.text('published_at IS NULL'))
    op.create_table('outcomes',
    sa.Column('source', sa.String(), nullable=False),
    sa.Column('event_id', sa.String(), nullable=False),
    sa.Column('fate', sa.String(), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('case_id', sa.UUID(as_uuid=False), nullable=True),
    sa.Column('case_number', sa.String(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('event_type', sa.String(), nullable=False),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("fate in ('applied', 'refused', 'duplicate', 'parked', 'dead-lettered', 'forwarded')", name=op.f('ck_outcomes_fate_known')),
    sa.PrimaryKeyConstraint('source', 'event_id', name=op.f('pk_outcomes'))
    )
    op.create_index(op.f('ix_outcomes_case_id'), 'outcomes', ['case_id'], unique=False)
    op.create_table('parked',
    sa.Column('id', sa.UUID(as_uuid=False), nullable=False),
    sa.Column('shard', sa.Integer(), nullable=False),
    sa.Column('seq', sa.BigInteger(), nullable=False),
    sa.Column('case_id', sa.UUID(as_uuid=False), nullable=False),
    sa.Column('source', sa.String(), nullable=False),
    sa.Column('event_id', sa.String(), nullable=False),
    sa.Column('event_type', sa.String(), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('parked_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('patience_until', sa.DateTime(timezone=True), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('signature', sa.String(), nullable=False),
    sa.Column('topic_id', sa.String(), nullable=False),
    sa.Column('partition', sa.Integer(), nullable=False),
    sa.Column('offset', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_parked'))
    )
    op.create_index('ix_parked_case', 'parked', ['shard', 'case_id', 'seq'], unique=False)
    op.create_table('persons',
    sa.Column('revision', sa.BigInteger(), nullable=False),
    sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('identity_ref', sa.String(), nullable=False),
    sa.Column('party_status', sa.String(), nullable=False),
    sa.Column('skills', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('availability', sa.String(), nullable=False),
    sa.Column('grid', sa.String(), nullable=False),
    sa.Column('contact_households', sa.Integer(), nullable=False),
    sa.Column('responsibility_area', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('valid_from', sa.DateTime(timezone=True), nullable=False),
    sa.Column('valid_to', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('revision', 'id', name=op.f('pk_persons'))
    )
    op.create_index(op.f('ix_persons_id'), 'persons', ['id'], unique=False)
    op.create_table('policy_packs',
    sa.Column('version', sa.String(), nullable=False),
    sa.Column('activated_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('pack', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('version', name=op.f('pk_policy_packs'))
    )
    op.create_table('records',
    sa.Column('topic_id', sa.String(), nullable=False),
    sa.Column('partition', sa.Integer(), nullable=False),
    sa.Column('offset', sa.BigInteger(), nullable=False),
    sa.Column('topic', sa.String(), nullable=False),
    sa.Column('shard', sa.Integer(), nullable=False),
    sa.Column('fate', sa.String(), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('source', sa.String(), nullable=False),
    sa.Column('event_id', sa.String(), nullable=False),
    sa.Column('event_type', sa.String(), nullable=False),
    sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("fate in ('applied', 'refused', 'duplicate', 'parked', 'dead-lettered', 'forwarded')", name=op.f('ck_records_fate_known')),
    sa.PrimaryKeyConstraint('topic_id', 'partition', 'offset', name=op.f('pk_records'))
    )
    op.create_index('ix_records_identity', 'records', ['source', 'event_id'], unique=False)
    op.create_index('ix_records_topic', 'records', ['topic', 'partition'], unique=False)
    op.create_table('responsibility_items',
    sa.Column('policy_version', sa.String(), nullable=False),
    sa.Column('item', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('title', sa.String(), nullable=False),
    sa.Column('owner', sa.String(), nullable=False),
    sa.Column('categories', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('legal_basis', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('policy_version', 'item', name=op.f('pk_responsibility_items'))
    )
    op.create_table('roles_held',
    sa.Column('revision', sa.BigInteger(), nullable=False),
    sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('person', sa.String(), nullable=False),
    sa.Column('role', sa.String(), nullable=False),
    sa.Column('org', sa.String(), nullable=False),
    sa.Column('valid_from', sa.DateTime(timezone=True), nullable=False),
    sa.Column('valid_to', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('revision', 'person', 'role', 'org', name=op.f('pk_roles_held'))
    )
    op.create_index(op.f('ix_roles_held_person'), 'roles_held', ['person'], unique=False)
    op.create_table('seals',
    sa.Column('number', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('seal', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('number', name=op.f('pk_seals'))
    )
    op.create_table('shards',
    sa.Column('shard', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('epoch', sa.BigInteger(), nullable=False),
    sa.Column('seq', sa.BigInteger(), nullable=False),
    sa.Column('audit_seq', sa.BigInteger(), nullable=False),
    sa.Column('audit_hash', sa.LargeBinary(), nullable=False),
    sa.Column('positions', postgresql.JSONB(none_as_null=True), server_default='{}', nullable=False),
    sa.Column('owner', sa.String(), nullable=False),
    sa.Column('taken_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('drained_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('unread_since', postgresql.JSONB(none_as_null=True), server_default='{}', nullable=False),
    sa.PrimaryKeyConstraint('shard', name=op.f('pk_shards'))
    )
    op.create_table('timers',
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('shard', sa.Integer(), nullable=False),
    sa.Column('subject_kind', sa.String(), nullable=False),
    sa.Column('township', sa.String(), nullable=False),
    sa.Column('generation', sa.BigInteger(), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('deadline', postgresql.JSONB(none_as_null=True), nullable=True),
    sa.Column('set_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('wave', sa.Integer(), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('subject', 'key', name=op.f('pk_timers'))
    )
    op.create_index('ix_timers_due', 'timers', ['shard', 'due_at', 'subject', 'key'], unique=False)
    op.create_table('townships',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('shard', sa.Integer(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('waiting', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('clocks', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_townships'))
    )
    op.create_table('village_tasks',
    sa.Column('id', sa.UUID(as_uuid=False), nullable=False),
    sa.Column('shard', sa.Integer(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('township', sa.String(), nullable=False),
    sa.Column('title', sa.String(), nullable=False),
    sa.Column('item', sa.String(), nullable=False),
    sa.Column('asked_by', sa.String(), nullable=False),
    sa.Column('villages', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('legal_basis', sa.String(), nullable=False),
    sa.Column('forms', sa.Integer(), nullable=False),
    sa.Column('ledgers', sa.Integer(), nullable=False),
    sa.Column('meetings', sa.Integer(), nullable=False),
    sa.Column('inspections', sa.Integer(), nullable=False),
    sa.Column('systems', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('funding', sa.String(), nullable=False),
    sa.Column('off_hours', sa.Boolean(), nullable=False),
    sa.Column('urgent', sa.Boolean(), nullable=False),
    sa.Column('listed', sa.Boolean(), nullable=False),
    sa.Column('findings', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('ends_on', sa.String(), nullable=False),
    sa.Column('reviews', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('consents', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('renewals', sa.Integer(), nullable=False),
    sa.Column('requested_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('policy_version', sa.String(), nullable=False),
    sa.Column('clocks', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('audit_seq', sa.BigInteger(), nullable=False),
    sa.Column('audit_hash', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_village_tasks'))
    )
    op.create_index('ix_village_tasks_township', 'village_tasks', ['township', 'state'], unique=False)
    op.create_table('visits',
    sa.Column('id', sa.UUID(as_uuid=False), nullable=False),
    sa.Column('case_id', sa.UUID(as_uuid=False), nullable=False),
    sa.Column('shard', sa.Integer(), nullable=False),
    sa.Column('requested_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('channel', sa.String(), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('result', sa.String(), nullable=False),
    sa.Column('contacted', sa.Boolean(), nullable=False),
    sa.Column('solved', sa.Boolean(), nullable=True),
    sa.Column('satisfaction', sa.String(), nullable=False),
    sa.Column('visitor', sa.String(), nullable=False),
    sa.Column('answered_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('disputed', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_visits'))
    )
    op.create_index(op.f('ix_visits_case_id'), 'visits', ['case_id'], unique=False)
    op.create_table('whistles',
    sa.Column('id', sa.UUID(as_uuid=False), nullable=False),
    sa.Column('case_id', sa.UUID(as_uuid=False), nullable=False),
    sa.Column('shard', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('org', sa.String(), nullable=False),
    sa.Column('requested_by', sa.String(), nullable=False),
    sa.Column('requested_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('approved_by', sa.String(), nullable=False),
    sa.Column('blown_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('confirmed', sa.Boolean(), nullable=True),
    sa.Column('lead', sa.String(), nullable=False),
    sa.Column('helpers', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('due', postgresql.JSONB(none_as_null=True), nullable=True),
    sa.Column('extensions', sa.Integer(), nullable=False),
    sa.Column('solved', postgresql.JSONB(none_as_null=True), server_default='{}', nullable=False),
    sa.Column('parties', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('objections', postgresql.JSONB(none_as_null=True), server_default='[]', nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ratings', postgresql.JSONB(none_as_null=True), server_default='{}', nullable=False),
    sa.Column('whistle_ratings', postgresql.JSONB(none_as_null=True), server_default='{}', nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_whistles'))
    )
    op.create_index(op.f('ix_whistles_case_id'), 'whistles', ['case_id'], unique=False)
    op.create_table('notice_reads',
    sa.Column('notice_id', sa.Uuid(), nullable=False),
    sa.Column('person_id', sa.String(), nullable=False),
    sa.Column('read_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['notice_id'], ['notices.id'], name=op.f('fk_notice_reads_notice_id_notices')),
    sa.PrimaryKeyConstraint('notice_id', 'person_id', name=op.f('pk_notice_reads'))
    )
    op.create_table('notice_sends',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('notice_id', sa.Uuid(), nullable=False),
    sa.Column('channel', sa.String(), nullable=True),
    sa.Column('address_id', sa.Uuid(), nullable=True),
    sa.Column('language', sa.String(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('reason', sa.String(), nullable=True),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('next_attempt_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('provider_ref', sa.String(), nullable=True),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("channel in ('mail', 'sms', 'chat', 'call')", name=op.f('ck_notice_sends_channel_known')),
    sa.CheckConstraint("state <> 'sent' or sent_at is not null", name=op.f('ck_notice_sends_sent_has_time')),
    sa.CheckConstraint("state <> 'skipped' or reason is not null", name=op.f('ck_notice_sends_skip_has_reason')),
    sa.CheckConstraint("state in ('pending', 'sending', 'sent', 'failed', 'skipped', 'unknown', 'held')", name=op.f('ck_notice_sends_state_known')),
    sa.ForeignKeyConstraint(['notice_id'], ['notices.id'], name=op.f('fk_notice_sends_notice_id_notices')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_notice_sends'))
    )
    op.create_index('ix_notice_sends_due', 'notice_sends', ['next_attempt_at'], unique=False, postgresql_where=sa.text("state = 'pending'"))
    op.create_index(op.f('ix_notice_sends_notice_id'), 'notice_sends', ['notice_id'], unique=False)
    op.create_index('ix_notice_sends_under_way', 'notice_sends', ['id'], unique=False, postgresql_where=sa.text("state = 'sending'"))
    for statement in statements():
        op.execute(statement)


def downgrade() -> None:
    """Drop everything."""
    op.drop_index('ix_notice_sends_under_way', table_name='notice_sends', postgresql_where=sa.text("state = 'sending'"))
    op.drop_index(op.f('ix_notice_sends_notice_id'), table_name='notice_sends')
    op.drop_index('ix_notice_sends_due', table_name='notice_sends', postgresql_where=sa.text("state = 'pending'"))
    op.drop_table('notice_sends')
    op.drop_table('notice_reads')
    op.drop_index(op.f('ix_whistles_case_id'), table_name='whistles')
    op.drop_table('whistles')
    op.drop_index(op.f('ix_visits_case_id'), table_name='visits')
    op.drop_table('visits')
    op.drop_index('ix_village_tasks_township', table_name='village_tasks')
    op.drop_table('village_tasks')
    op.drop_table('townships')
    op.drop_index('ix_timers_due', table_name='timers')
    op.drop_table('timers')
    op.drop_table('shards')
    op.drop_table('seals')
    op.drop_index(op.f('ix_roles_held_person'), table_name='roles_held')
    op.drop_table('roles_held')
    op.drop_table('responsibility_items')
    op.drop_index('ix_records_topic', table_name='records')
    op.drop_index('ix_records_identity', table_name='records')
    op.drop_table('records')
    op.drop_table('policy_packs')
    op.drop_index(op.f('ix_persons_id'), table_name='persons')
    op.drop_table('persons')
    op.drop_index('ix_parked_case', table_name='parked')
    op.drop_table('parked')
    op.drop_index(op.f('ix_outcomes_case_id'), table_name='outcomes')
    op.drop_table('outcomes')
    op.drop_index('ix_outbox_unpublished', table_name='outbox', postgresql_where=sa.text('published_at IS NULL'))
    op.drop_index('ix_outbox_event', table_name='outbox')
    op.drop_table('outbox')
    op.drop_index(op.f('ix_orgs_id'), table_name='orgs')
    op.drop_table('orgs')
    op.drop_index('ix_notices_unspread', table_name='notices', postgresql_where=sa.text('spread_at is null and held_at is null'))
    op.drop_index(op.f('ix_notices_dedup_key_addressee_created_at'), table_name='notices')
    op.drop_index(op.f('ix_notices_case_id'), table_name='notices')
    op.drop_index(op.f('ix_notices_addressee_kind_addressee_created_at'), table_name='notices')
    op.drop_table('notices')
    op.drop_table('notice_holds')
    op.drop_index('uq_journal_identity', table_name='journal')
    op.drop_index('ix_journal_numbered', table_name='journal', postgresql_where=sa.text('sequence >= 0'))
    op.drop_table('journal')
    op.drop_table('installation')
    op.drop_table('identities')
    op.drop_index(op.f('ix_free_texts_subject'), table_name='free_texts')
    op.drop_table('free_texts')
    op.drop_table('evidence_files')
    op.drop_table('erasures')
    op.drop_table('duties')
    op.drop_table('directory_clock')
    op.drop_index('ix_digests_unsent', table_name='digests', postgresql_where=sa.text('sent_at is null'))
    op.drop_table('digests')
    op.drop_index('ix_dead_letters_at', table_name='dead_letters')
    op.drop_table('dead_letters')
    op.drop_index(op.f('ix_consultations_case_id'), table_name='consultations')
    op.drop_table('consultations')
    op.drop_table('conductor')
    op.drop_index('uq_channel_addresses_current', table_name='channel_addresses', postgresql_where=sa.text('ended_at is null'))
    op.drop_table('channel_addresses')
    op.drop_index('uq_cases_number', table_name='cases', postgresql_where=sa.text("number <> ''"))
    op.drop_index('ix_cases_state', table_name='cases')
    op.drop_index('ix_cases_place', table_name='cases')
    op.drop_index('ix_cases_history', table_name='cases', postgresql_where=sa.text("history_ref <> ''"))
    op.drop_index('ix_cases_guessed', table_name='cases', postgresql_where=sa.text('due @> \'{"provisional": true}\' OR clocks @> \'[{"deadline": {"provisional": true}}]\''))
    op.drop_table('cases')
    op.drop_table('case_numbers')
    op.drop_table('calendars')
    op.drop_index('ix_audit_case', table_name='audit')
    op.drop_table('audit')
    op.drop_table('attempts')
    op.drop_index(op.f('ix_assignments_case_id'), table_name='assignments')
    op.drop_index('ix_assignments_assignee', table_name='assignments')
    op.drop_table('assignments')
    op.drop_table('apps')
    op.drop_index('ix_app_tokens_source', table_name='app_tokens')
    op.drop_table('app_tokens')
    op.execute("DROP FUNCTION refuse_change")
