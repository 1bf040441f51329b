#!/bin/bash
# Run once by the database's image on an empty volume: two databases, two roles, no shared rights.
set -euo pipefail

for role in partygrid prefect; do
    variable="${role^^}_DATABASE_PASSWORD"
    psql --username "$POSTGRES_USER" --set ON_ERROR_STOP=1 \
        --set role="$role" --set password="${!variable}" <<'SQL'
CREATE ROLE :"role" LOGIN PASSWORD :'password';
CREATE DATABASE :"role" OWNER :"role";
REVOKE ALL ON DATABASE :"role" FROM PUBLIC;
SQL
done

# Prefect's migrations ask for it, and only a superuser may add it to that database.
psql --username "$POSTGRES_USER" --dbname prefect --set ON_ERROR_STOP=1 \
    --command 'CREATE EXTENSION IF NOT EXISTS pg_trgm'
