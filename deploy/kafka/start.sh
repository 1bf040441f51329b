#!/bin/bash
# Run as the container of Apache Kafka. The first account must be there before the first start, or nobody
# could make others: on an empty volume it is written with the log's format.
set -euo pipefail

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
properties=$here/server.properties
PATH=$PATH:/opt/kafka/bin
data=$(sed -n 's/^log\.dirs=//p' "$properties")

if [[ ! -e $data/meta.properties ]]; then
    : "${KAFKA_ADMIN_PASSWORD:?it is missing in .env}"
    cluster=$(kafka-storage.sh random-uuid)
    # In a file, because a list of processes would show the password.
    arguments=$(mktemp)
    trap 'rm -f "$arguments"' EXIT
    printf '%s\n' --add-scram "SCRAM-SHA-512=[name=admin,password=$KAFKA_ADMIN_PASSWORD]" > "$arguments"
    kafka-storage.sh format --config "$properties" --cluster-id "$cluster" "@$arguments"
    rm -f "$arguments"
fi

unset KAFKA_ADMIN_PASSWORD
exec kafka-server-start.sh "$properties"
