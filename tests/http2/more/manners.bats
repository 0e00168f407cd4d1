#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # wires.bash sets them
#
# More wires: through nginx, answers that come as requests of their own, two tokens at one endpoint, connections that were
# open before.

load ../wires

@test "nginx takes HTTP/2 and passes on HTTP/1.1" {
  needs_wire nginx
  workload 700
  serves node "$HTTP2/ends.js" serve-http1 "$port" "$BED/$server.journal"
  nginx_between 'proxy_http_version 1.1;'
  node_sends http2 node tls
  both_ends
  counted sent="$client" forwarded="$server" received="$server"
}

@test "nginx takes HTTP/2 and passes on HTTP/2" {
  needs_wire nginx
  workload 700
  node_serves
  nginx_between 'proxy_http_version 2;'
  node_sends http2 node tls
  both_ends
  counted sent="$client" forwarded="$server" received="$server"
}

@test "nginx takes HTTP/1.1 and passes on HTTP/2" {
  needs_wire nginx
  workload 700
  node_serves
  nginx_between 'proxy_http_version 2;'
  NODE_EXTRA_CA_CERTS=$BED/ca.pem node_sends fetch node tls
  both_ends
  counted sent="$client" forwarded="$server" received="$server"
}

@test "1,000 answers under way, each to come as a request of its own" {
  workload 1000
  serves node "$HTTP2/ends.js" later "$port" "$BED/$server.journal" 1000
  sends node "$HTTP2/ends.js" callbacks "$(bed_free_port)" "http://localhost:$port" "$BED/workload" "$BED/$client.journal"
  both_ends
  counted sent="$client" received="$server"
}

@test "1,000 answers under way inside TLS" {
  workload 1000
  serves env CA="$BED/ca.pem" node "$HTTP2/ends.js" later "$port" "$BED/$server.journal" 1000 "$BED"
  sends node "$HTTP2/ends.js" callbacks "$(bed_free_port)" "https://localhost:$port" "$BED/workload" \
    "$BED/$client.journal" "$BED"
  both_ends
  counted sent="$client" received="$server"
}

@test "an indexed token and one that is never indexed, at one endpoint, are two peers" {
  needs_wire go
  workload 100
  node_serves
  TOKEN=token-of-euros go_sends http
  mv "$BED/$client.journal" "$BED/first"
  workload 100
  SENSITIVE=1 TOKEN=token-of-dollars node_sends http2
  cat "$BED/first" >>"$BED/$client.journal"
  both_ends
  counted sent="$client" received="$server"
  [ "$(tokens_at "localhost:$port")" = 2 ]
}

# Open Payments as Rafiki's client speaks it: a wallet address is asked for, and an incoming payment is made.
@test "fetch of Node.js 26 to an Open Payments server raises no alarm" {
  needs_wire node-26
  serves node "$HTTP2/ends.js" json "$port" "$BED"
  client_spawn tls env NODE_EXTRA_CA_CERTS="$BED/ca.pem" "$WIRES/node-26/node" -e "
    const headers = { authorization: 'GNAP os_94f6c457', 'content-type': 'application/json',
      'content-digest': 'sha-512=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:',
      signature: 'sig1=:EBYT1kwIpnx2xpyBOZ0ZFH0v:', 'signature-input': 'sig1=(\"@method\" \"@target-uri\");keyid=\"k\"' }
    const body = JSON.stringify({ walletAddress: 'https://localhost/alice', incomingAmount: { value: '1000' } })
    const ask = async (path, how) => console.log((await (await fetch('https://localhost:$port' + path, how)).json()).ok)
    ;(async () => {
      for (let i = 0; i < 50; i++) {
        await ask('/alice', { headers: { accept: 'application/json' } })
        await ask('/incoming-payments', { method: 'POST', headers, body })
      }
    })()"
  bed_wait 60 'all answers' same grep -c true "$BED/$client.log" -- echo 100
  bed_wait 20 'the ring to be read' telltale_quiet tt
  reading "$BED/now"
  for metric in telltale_gaps_total telltale_opaque_connections_total telltale_exchanges_total telltale_coverage_complete; do
    [ "$(metrics_sum $metric <"$BED/now")" = "$(metrics_sum $metric <"$BED/before")" ]
  done
}
