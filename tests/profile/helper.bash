# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# A connector with a database, a cache and a peer, and telltale profile on it. Loaded after e2e's helper.

POSTGRES=$(find /usr/lib/postgresql -name initdb 2>/dev/null | sort -V | tail -n 1)
POSTGRES=${POSTGRES%/initdb}

needs_servers() {
  [[ -n $POSTGRES ]] || skip 'needs PostgreSQL: apt install postgresql'
  command -v redis-server >/dev/null || skip 'needs Redis: apt install redis-server'
}

# The data are where the user postgres may go.
postgres_start() {
  local port
  port=$(bed_free_port)
  echo "$port" >"$BED/postgres.port"
  PGDATA=$(mktemp -d /tmp/telltale-profile.XXXXXX)
  chown postgres "$PGDATA"
  runuser -u postgres -- "$POSTGRES/initdb" --pgdata="$PGDATA" --auth=trust --no-sync >"$BED/initdb.log"
  bed_spawn postgres runuser -u postgres -- "$POSTGRES/postgres" -D "$PGDATA" -c "port=$port" \
    -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c jit=off
  bed_wait 60 PostgreSQL "$POSTGRES/pg_isready" -h 127.0.0.1 -p "$port"
}

redis_start() {
  local port
  port=$(bed_free_port)
  echo "$port" >"$BED/redis.port"
  bed_spawn redis redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --enable-debug-command yes --dir "$BED"
  bed_wait 60 Redis redis-cli -p "$port" ping
}

# server_port NAME: prints 0 where the connector has none.
server_port() {
  cat "$BED/$1.port" 2>/dev/null || echo 0
}

# What the connector's Node.js is started with.
NODE_FLAGS=()

# The connector, both its neighbours in one process, and the wire to the one that is its peer.
hop_start() {
  local peer wire
  peer=$(bed_free_port)
  wire=$(bed_free_port)
  echo "$wire" >"$BED/wire.port"
  printf '{"peer": "http://127.0.0.1:%s/", "postgres": %s, "redis": %s, "ready": "%s", "journal": "%s"}\n' "$wire" \
    "$(server_port postgres)" "$(server_port redis)" "$BED/hop.ready" "$BED/journal" >"$BED/hop.json"
  printf '{"ready": "%s", "peer_port": %s, "hop": "%s", "hop_pid": "%s", "journal": "%s", "go": "%s"}\n' \
    "$BED/drive.ready" "$peer" "$BED/hop.ready" "$BED/hop.pid" "$BED/journal" "$BED/go" >"$BED/drive.json"
  bed_spawn drive "${NODE:-node}" "$ROOT/tests/profile/drive.js" "$BED/drive.json"
  bed_wait 60 'the neighbours' test -e "$BED/drive.ready"
  bed_spawn wire "$ROOT/tests/profile/wire.py" "$wire" "$peer" "$BED/journal"
  bed_spawn hop "${NODE:-node}" "${NODE_FLAGS[@]}" "$ROOT/tests/profile/hop.js" "$BED/hop.json"
  bed_wait 60 'the connector' test -e "$BED/hop.ready"
}

# lose EACH: from now on one segment in EACH is lost, of those to and from the connector and its peer. For a bed in a
# network namespace of its own.
lose() {
  make -s -C "$ROOT" build/tests/lose
  bed_spawn lose "$ROOT/build/tests/lose" lo "$1" "$(bed_json "$BED/hop.ready" port)" "$(cat "$BED/wire.port")" "$BED/journal"
  bed_wait 30 'the losses' grep -q ready "$BED/lose.log"
}

bed_start() {
  needs_servers
  postgres_start
  redis_start
  hop_start
}


# drive ROUNDS MODE...: sends so many packets of each.
drive() {
  local rounds=$1
  shift
  rm -f "$BED/go.done"
  python3 -c 'import json, sys; print(json.dumps(sys.argv[2:] * int(sys.argv[1])))' "$rounds" "$@" >"$BED/go.new"
  mv "$BED/go.new" "$BED/go"
  bed_wait 120 'the packets' test -e "$BED/go.done"
}

# What telltale is started through.
WITHIN=()

# profile_start NAME OPTION...: looks on until profile_end. The report is in NAME.report.
profile_start() {
  local name=$1 dependencies=()
  shift
  if [[ -e $BED/postgres.port ]]; then
    dependencies=(--dependency "postgresql=$(server_port postgres)" --dependency "redis=$(server_port redis)")
  fi
  "${WITHIN[@]}" "$TELLTALE" profile --for 1h --cgroup "$BED_CGROUP/hop" "${dependencies[@]}" "$@" >"$BED/$name.report" 2>"$BED/$name.log" 3>&- 4>&- &
  echo $! >"$BED/$name.pid"
  bed_wait 120 'the profile' grep -q 'profile: ready' "$BED/$name.log"
}

# What is under way has a moment to arrive.
profile_end() {
  sleep 0.3
  bed_stop "$1" INT
}

judge() {
  "$ROOT/tests/profile/judge.py" "$@"
}

# Where this host has a controller of CPU time, a group of it for this run.
quota_make() {
  local cpu=/sys/fs/cgroup/cpu
  [[ -e $cpu/cpu.cfs_quota_us || -d $cpu/. && -e $cpu/cgroup.procs ]] || skip 'needs the CPU controller of cgroup v1'
  QUOTA=$cpu/telltale-profile.$$.$RANDOM
  mkdir "$QUOTA"
  [[ -e $QUOTA/cpu.cfs_quota_us ]] || skip 'this kernel has no CPU quotas'
}

# quota_set PERCENT PID...: the processes get this much of one CPU together.
quota_set() {
  local pid
  echo 50000 >"$QUOTA/cpu.cfs_period_us"
  echo $(($1 * 500)) >"$QUOTA/cpu.cfs_quota_us"
  shift
  for pid; do echo "$pid" >"$QUOTA/cgroup.procs"; done
}

quota_end() {
  local pid
  [[ -n ${QUOTA:-} ]] || return 0
  while read -r pid; do echo "$pid" >"${QUOTA%/*}/cgroup.procs"; done <"$QUOTA/cgroup.procs"
  rmdir "$QUOTA"
}
