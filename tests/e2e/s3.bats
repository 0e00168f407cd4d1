#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `telltale rates publish` to a bucket: a real S3-compatible server that checks signatures and body
# hashes. Needs no root and no network.

bats_require_minimum_version 1.5.0
# shellcheck source=tests/e2e/lib.sh
source "$BATS_TEST_DIRNAME/lib.sh"

KEY=AKIDTELLTALE
SECRET=a/secret+with=signs/in/it

setup() {
  TELLTALE=${TELLTALE:-$BATS_TEST_DIRNAME/../../build/telltale}
  SERVER=$BATS_TEST_DIRNAME/../../build/parts/s3server
  [[ -x $SERVER ]] || skip 'needs build/parts/s3server: scripts/parts builds it'
  SERVER=$(realpath "$SERVER")
  cd "$BATS_TEST_TMPDIR" || return
  local name
  for name in $(compgen -e | grep '^AWS_'); do unset "$name"; done
  export HOME=$BATS_TEST_TMPDIR
  echo '{"base":"USD","rates":{"EUR":0.9259,"JPY":157.3}}' >rafiki.json
}

teardown() {
  if [[ -e server.pid ]]; then
    kill "$(cat server.pid)" 2>/dev/null || true
    wait "$(cat server.pid)" 2>/dev/null || true
  fi
  [[ -n ${BATS_TEST_COMPLETED:-} || ! -s server.log ]] || tail -n 20 server.log
}

# serve SCHEME [REGION [CERTIFICATE KEY]]: the server, at $at, with the bucket "rates".
serve() {
  local scheme=$1 region=${2:-us-east-1} port
  port=$(bed_free_port)
  at=$scheme://localhost:$port
  mkdir -p store
  S3_KEY=$KEY S3_SECRET=$SECRET "$SERVER" "127.0.0.1:$port" store "$region" "${@:3}" \
    >server.log 2>&1 3>&- 4>&- &
  echo $! >server.pid
  bed_wait 20 "the S3 server" request "$region" PUT rates -H x-amz-object-ownership:BucketOwnerPreferred
}

# request REGION METHOD PATH [CURL'S ARGUMENTS]: a request signed by curl, for what telltale itself does not
# do.
request() {
  local hash=${BODY_HASH:-e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855}
  curl --silent --show-error --fail-with-body --cacert cert.pem --aws-sigv4 "aws:amz:$1:s3" \
    --user "$KEY:$SECRET" -X "$2" -H "x-amz-content-sha256: $hash" "${@:4}" "$at/$3"
}

put() { # REGION PATH BODY
  BODY_HASH=$(printf %s "$3" | sha256sum | cut -d ' ' -f 1) request "$1" PUT "$2" --data-binary "$3"
}

credentials() {
  export AWS_ACCESS_KEY_ID=$KEY AWS_SECRET_ACCESS_KEY=$SECRET
}

publish() {
  "$TELLTALE" rates publish -s rafiki:rafiki.json --s3-endpoint "$at" "$@"
}

object() {
  request us-east-1 GET rates/v1/usd.json
}

@test "a signed request writes the object, and the next one reads it and overwrites it" {
  serve http
  credentials
  run -0 --separate-stderr publish --to s3://rates/v1/usd.json
  [[ $output == 'published: sources=1/1 rates=2 new=2 '*' to=s3://rates/v1/usd.json' ]]
  [ -z "$stderr" ]
  [[ $(object) == '{"base":"USD","rates":{"EUR":0.9259,"JPY":157.3}}' ]]
  echo '{"base":"USD","rates":{"EUR":1.9,"JPY":158}}' >rafiki.json
  run -0 publish --to s3://rates/v1/usd.json
  [[ $output == *' kept=1 '*' refused=1 '*JPY:+0.45%* ]]
  [[ $(object) == '{"base":"USD","rates":{"EUR":0.9259,"JPY":158}}' ]]
  request us-east-1 GET rates/v1/usd.json -o body -D head
  grep -i '^content-type: application/json' head
  run -0 publish --to s3://rates/v1/usd.json --dry-run --no-previous
  [[ $(object) == *158* ]]
}

@test "the test server checks signatures: unsigned and wrongly signed requests change nothing" {
  serve http
  credentials
  publish --to s3://rates/v1/usd.json
  run ! curl --silent --fail -X PUT --data-binary x "$at/rates/v1/usd.json"
  BODY_HASH=$(printf other | sha256sum | cut -d ' ' -f 1) run ! request us-east-1 PUT rates/v1/usd.json --data-binary x
  AWS_SECRET_ACCESS_KEY=wrong run -1 --separate-stderr publish --to s3://rates/v1/usd.json
  [[ $stderr == *'HTTP status 403, SignatureDoesNotMatch: the secret key is not the one'* ]]
  AWS_SECRET_ACCESS_KEY=wrong run -1 publish --to s3://rates/v1/usd.json --no-previous
  AWS_ACCESS_KEY_ID=AKIDUNKNOWN run -1 publish --to s3://rates/v1/new.json
  [[ $output == *'not published'* && $output != *"$SECRET"* ]]
  AWS_SESSION_TOKEN=token run -1 --separate-stderr publish --to s3://rates/v1/usd.json
  [[ $stderr == *'InvalidToken: AWS_SESSION_TOKEN'* ]]
  [[ $(object) == '{"base":"USD","rates":{"EUR":0.9259,"JPY":157.3}}' ]]
}

@test "a bucket that does not exist and a wrong region are reported with the fix" {
  serve http eu-central-1
  credentials
  run -1 publish --to s3://nosuchbucket/usd.json --region eu-central-1
  [[ $output == *'NoSuchBucket: make the bucket first'* ]]
  run -1 publish --to s3://rates/usd.json
  [[ $output == *'another region; give --region'* ]]
  AWS_REGION=eu-central-1 run -0 publish --to s3://rates/usd.json
  AWS_DEFAULT_REGION=eu-central-1 run -0 publish --to s3://rates/usd.json
  AWS_ENDPOINT_URL=$at AWS_REGION=eu-central-1 run -0 "$TELLTALE" rates publish -s rafiki:rafiki.json --to s3://rates/usd.json
}

@test "credentials come from profiles as AWS's own tools have them" {
  serve http eu-central-1
  mkdir .aws
  run -1 publish --to s3://rates/usd.json
  [[ $output == *'no credentials; set AWS_ACCESS_KEY_ID'* ]]
  printf '[default]\naws_access_key_id=none\naws_secret_access_key=none\n\n# other\n[ rates ]\n aws_access_key_id = %s \naws_secret_access_key=%s\n' \
    "$KEY" "$SECRET" >.aws/credentials
  printf '[profile rates]\nregion = eu-central-1\n' >.aws/config
  run -1 publish --to s3://rates/usd.json --region eu-central-1
  run -0 publish --to s3://rates/usd.json --profile rates
  AWS_PROFILE=rates run -0 publish --to s3://rates/usd.json
  run -1 publish --to s3://rates/usd.json --profile nobody
  [[ $output == *"no profile 'nobody'"* ]]
  mv .aws elsewhere
  AWS_SHARED_CREDENTIALS_FILE=elsewhere/credentials AWS_CONFIG_FILE=elsewhere/config \
    run -0 publish --to s3://rates/usd.json --profile rates
  # The environment's keys take precedence over AWS_PROFILE, and --profile over them.
  credentials
  AWS_PROFILE=nobody run -0 publish --to s3://rates/usd.json --region eu-central-1
  run -1 publish --to s3://rates/usd.json --profile nobody
}

@test "with --public-read everybody may read the object, in a bucket that honours it, and nobody may write" {
  serve http
  credentials
  run -0 publish --to s3://rates/v1/usd.json
  run ! curl --silent --fail "$at/rates/v1/usd.json"
  run -0 publish --to s3://rates/v1/usd.json --public-read
  # This server keeps no access list of single objects: the bucket's policy says the same.
  put us-east-1 'rates?policy=' '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::rates/*"}]}'
  run -0 curl --silent --fail "$at/rates/v1/usd.json"
  [[ $output == '{"base":"USD",'* ]]
  run -0 "$TELLTALE" rates show --network "$at/rates/v1/usd.json"
  [[ $output == *'network: base USD, 2 rates'* ]]
  run ! curl --silent --fail -X PUT --data-binary x "$at/rates/v1/usd.json"
}

@test "only --public-read asks for the access list, and its header is signed" {
  # Checks the request itself; the strict server above has accepted its signature.
  python3 - port heads <<'PYTHON' >recorder.log 2>&1 3>&- 4>&- &
import http.server, os, sys

class Recorder(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(404)
        self.end_headers()
        self.wfile.write(b"<Error><Code>NoSuchKey</Code></Error>")

    def do_PUT(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        with open(sys.argv[2], "a") as file:
            print(self.headers["x-amz-acl"], self.headers["Authorization"], file=file)
        self.send_response(400)
        self.end_headers()
        self.wfile.write(b"<Error><Code>AccessControlListNotSupported</Code></Error>")

server = http.server.HTTPServer(("127.0.0.1", 0), Recorder)
print(server.server_port, file=open("part", "w"), flush=True)
os.rename("part", sys.argv[1])
server.serve_forever()
PYTHON
  echo $! >server.pid
  bed_wait 20 "the recorder's port" test -s port
  endpoint=http://127.0.0.1:$(cat port)
  credentials
  run -1 publish --s3-endpoint "$endpoint" --to s3://rates/usd.json --public-read
  [[ $output == *'AccessControlListNotSupported: the bucket does not allow access lists; leave --public-read out'* ]]
  run -1 publish --s3-endpoint "$endpoint" --to s3://rates/usd.json
  [[ $(sed -n 1p heads) == 'public-read '*'x-amz-acl'* ]]
  [[ $(sed -n 2p heads) == 'None '* && $(sed -n 2p heads) != *x-amz-acl* ]]
}

@test "a bucket that keeps versions is written to, with a warning" {
  serve http
  credentials
  put us-east-1 'rates?versioning=' '<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>'
  run -0 --separate-stderr publish --to s3://rates/v1/usd.json
  [[ $stderr == *'the bucket keeps every version'* ]]
}

@test "over TLS the server's certificate is verified; AWS_CA_BUNDLE names the authorities" {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem \
    -subj /CN=localhost -addext subjectAltName=DNS:localhost -days 2 2>/dev/null
  serve https us-east-1 "$PWD/cert.pem" "$PWD/key.pem"
  credentials
  run -1 publish --to s3://rates/v1/usd.json
  [[ $output == *certificate* ]]
  AWS_CA_BUNDLE=cert.pem run -0 publish --to s3://rates/v1/usd.json
  # The certificate is for localhost, not for this address.
  AWS_CA_BUNDLE=cert.pem run -1 publish --s3-endpoint "${at/localhost/127.0.0.1}" --to s3://rates/v1/usd.json
}

@test "a server that is not there and an impossible place give exit status 1 and a reason" {
  run -1 "$TELLTALE" rates publish -s rafiki:rafiki.json --s3-endpoint http://127.0.0.1:1 --to s3://rates/v1/usd.json
  [[ $output == *"no credentials"* ]]
  credentials
  run -1 "$TELLTALE" rates publish -s rafiki:rafiki.json --s3-endpoint http://127.0.0.1:1 --to s3://rates/v1/usd.json
  [[ $output == *"connect"* ]]
  for place in s3://rates s3://rates/ 's3://rates/a b' s3://RATES/x s3://rates/../x 's3://rates/a%20b' s3:rates/x; do
    run -1 "$TELLTALE" rates publish -s rafiki:rafiki.json --to "$place"
    [[ $output == *'is not s3://BUCKET/KEY'* ]]
  done
  run -1 "$TELLTALE" rates publish -s rafiki:rafiki.json --to s3://rates/x
  [[ $output == *'no region; give --region'* ]]
}
