/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/config.h"

#define FILE_NAME "t.yaml"

static char directory[] = "/tmp/test_config.XXXXXX";
static char path[sizeof(directory) + sizeof(FILE_NAME)];

static int make_directory(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/" FILE_NAME, directory);
	return 0;
}

static int remove_directory(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(directory);
}

static void write_file(const char *text, size_t len)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

/* Takes the directory's name out of TEXT. */
static void strip(char *text)
{
	char *found;
	size_t len = strlen(directory) + 1;

	while ((found = strstr(text, directory)))
		memmove(found, found + len, strlen(found + len) + 1);
}

/* Loads TEXT (NULL: no file) with the variables; *ERRORS is malloc'ed. */
static int load_env(const char *text, char *const *variables, struct config **c, char **errors)
{
	size_t len;
	FILE *out = open_memstream(errors, &len);
	int err;

	assert_non_null(out);
	if (text)
		write_file(text, strlen(text));
	err = config_load(text ? path : NULL, variables, out, c);
	assert_int_equal(fclose(out), 0);
	strip(*errors);
	return err;
}

/* A configuration that must be right. */
static struct config *right(const char *text, char *const *variables)
{
	struct config *c = NULL;
	char *errors;
	int err = load_env(text, variables, &c, &errors);

	if (err)
		print_error("%s", errors);
	assert_int_equal(err, 0);
	assert_string_equal(errors, "");
	free(errors);
	return c;
}

static char *printed(const struct config *c)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	config_print(c, out);
	assert_int_equal(fclose(out), 0);
	strip(text);
	return text;
}

static void assert_contains(const char *text, const char *part)
{
	if (!strstr(text, part)) {
		print_error("no \"%s\" in:\n%s\n", part, text);
		fail();
	}
}

#define ENV(...)                                                                                   \
	(char *[])                                                                                 \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}

/* --- defaults and every key -------------------------------------------------------------- */

static void without_file_everything_has_its_default(void **state)
{
	struct config *c = right(NULL, NULL);

	(void)state;
	assert_false(c->enabled);
	assert_int_equal(c->network, NETWORK_TESTNET);
	assert_int_equal(c->targets_len, 0);
	assert_int_equal(c->export_interval_ms, 15000);
	assert_int_equal(c->idle_ms, 30000);
	assert_int_equal(c->max_payment_ms, 600000);
	assert_int_equal(c->rates[RATES_NETWORK].lifetime_ms, 86400000);
	assert_null(c->rates[RATES_NETWORK].location);
	assert_int_equal(c->privacy.mechanism, PRIVACY_BUCKET_LAPLACE);
	assert_int_equal(c->privacy.bucket.max_value, 100000000);
	assert_false(c->privacy.bucket.unbiased);
	assert_int_equal(c->privacy.budget.epsilon_milli, 1000);
	assert_string_equal(c->listen, "127.0.0.1:9464");
	assert_string_equal(c->service_name, "telltale");
	assert_int_equal(c->tls_connections, 1024);
	assert_string_equal(c->state_dir, "/var/lib/telltale");
	assert_string_equal(c->run_dir, "/run/telltale");
	config_free(c);
}

static const char whole[] = "enabled: true\n"
			    "instance: cloud-nine\n"
			    "network: livenet\n"
			    "targets:\n"
			    "  - unit: rafiki-backend.service\n"
			    "    forwards: never\n"
			    "  - cgroup: /system.slice/x.service\n"
			    "  - pid: 1234\n"
			    "peers:\n"
			    "  - name: happy-life\n"
			    "    endpoint: https://Happy-Life.example:443/ilp\n"
			    "    token: 9f86d081884c7d65\n"
			    "    asset: &usd {code: USD, scale: 2}\n"
			    "  - endpoint: other.example:3002\n"
			    "    asset: *usd\n"
			    "default_asset: {code: EUR, scale: 4}\n"
			    "rates:\n"
			    "  operator: /etc/telltale/rates.json\n"
			    "  network: {url: 'https://n.example/r.json', lifetime: 1h}\n"
			    "privacy: {mechanism: continual, min_bucket: 5000, epsilon: 0.5,"
			    "  rounding: unbiased, day_clip: 10000000, hour_clip: 200000,"
			    "  packet_clip: 8}\n"
			    "endpoints:\n"
			    "  - url: https://collector.example\n"
			    "    audience: network\n"
			    "    ca: /ca.pem\n"
			    "    cert: /c.pem\n"
			    "    key: /k.pem\n"
			    "    headers: {X-Key: planted-secret}\n"
			    "    timeout: 2500ms\n"
			    "    compression: gzip\n"
			    "  - url: http://10.0.0.1:9999\n"
			    "    audience: own\n"
			    "export_interval: 1m\n"
			    "resource: {deployment.environment: test, service.name: probe}\n"
			    "listen: '[::1]:9000'\n"
			    "payments: {idle: 5s, max: 1h}\n"
			    "tls_connections: 5000\n"
			    "state_dir: /s\n"
			    "run_dir: /r\n";

static void every_key_reaches_its_field(void **state)
{
	struct config *c = right(whole, NULL);

	(void)state;
	assert_true(c->enabled);
	assert_string_equal(c->instance, "cloud-nine");
	assert_int_equal(c->network, NETWORK_LIVENET);
	assert_int_equal(c->targets_len, 3);
	assert_int_equal(c->targets[0].kind, TARGET_UNIT);
	assert_true(c->targets[0].never_forwards);
	assert_int_equal(c->targets[0].line, 5);
	assert_int_equal(c->targets[1].kind, TARGET_CGROUP);
	assert_false(c->targets[1].never_forwards);
	assert_int_equal(c->targets[2].kind, TARGET_PID);
	assert_string_equal(c->targets[2].name, "1234");
	assert_int_equal(c->peers_len, 2);
	assert_string_equal(c->peers[0].endpoint, "happy-life.example/ilp");
	assert_true(c->peers[0].has_token);
	assert_true(c->peers[0].token == 0x9f86d081884c7d65);
	assert_string_equal(c->peers[1].endpoint, "other.example:3002/");
	assert_false(c->peers[1].has_token);
	assert_string_equal(c->peers[1].asset.code, "USD");
	assert_int_equal(c->peers[1].asset.scale, 2);
	assert_true(c->has_default_asset);
	assert_int_equal(c->default_asset.scale, 4);
	assert_string_equal(c->rates[RATES_OPERATOR].location, "/etc/telltale/rates.json");
	assert_string_equal(c->rates[RATES_NETWORK].location, "https://n.example/r.json");
	assert_int_equal(c->rates[RATES_NETWORK].lifetime_ms, 3600000);
	assert_int_equal(c->privacy.mechanism, PRIVACY_CONTINUAL);
	assert_int_equal(c->privacy.bucket.min_bucket, 5000);
	assert_true(c->privacy.bucket.unbiased);
	assert_int_equal(c->privacy.budget.epsilon_milli, 500);
	assert_int_equal(c->privacy.budget.day_clip, 10000000);
	assert_int_equal(c->privacy.budget.hour_clip, 200000);
	assert_int_equal(c->privacy.budget.packet_clip, 8);
	assert_int_equal(c->endpoints_len, 2);
	assert_string_equal(c->endpoints[0].authority, "collector.example:4317");
	assert_true(c->endpoints[0].tls);
	assert_int_equal(c->endpoints[0].audience, AUDIENCE_NETWORK);
	assert_string_equal(c->endpoints[0].headers[0].name, "x-key");
	assert_string_equal(c->endpoints[0].headers[0].value, "planted-secret");
	assert_int_equal(c->endpoints[0].timeout_ms, 2500);
	assert_true(c->endpoints[0].gzip);
	assert_string_equal(c->endpoints[1].authority, "10.0.0.1:9999");
	assert_false(c->endpoints[1].tls);
	assert_int_equal(c->endpoints[1].timeout_ms, 10000);
	assert_int_equal(c->export_interval_ms, 60000);
	assert_string_equal(c->service_name, "probe");
	assert_int_equal(c->attributes_len, 1);
	assert_string_equal(c->attributes[0].value, "test");
	assert_string_equal(c->listen, "[::1]:9000");
	assert_int_equal(c->idle_ms, 5000);
	assert_int_equal(c->max_payment_ms, 3600000);
	assert_int_equal(c->tls_connections, 5000);
	assert_string_equal(c->state_dir, "/s");
	assert_null(config_consent(c));
	assert_null(config_runnable(c));
	config_free(c);
}

static void the_installed_example_is_right_and_opts_in_to_nothing(void **state)
{
	struct config *c = NULL;

	(void)state;
	assert_int_equal(config_load("scripts/deploy/telltale.yaml", NULL, stderr, &c), 0);
	assert_false(c->enabled);
	assert_int_equal(c->targets_len, 1);
	config_free(c);
}

/* --- errors ------------------------------------------------------------------------------ */

struct wrong {
	const char *yaml;
	const char *place; /* "line:column" */
	const char *text;  /* a part of the message, and of its mend */
	const char *mend;
};

#define EP "endpoints:\n  - url: http://c:4317\n    audience: own\n"

static const struct wrong wrongs[] = {
	/* syntax and bytes */
	{"enabled: [true\n", "2:1", "not YAML", "check the indentation"},
	{"a:\n\tb: 1\n", "2:1", "not YAML", "spaces, not tabs"},
	{"enabled: true\nx: \xff\n", "2:4", "not YAML", "save the file as UTF-8"},
	{"enabled: true\n---\nenabled: false\n", "2:1", "second document", "keep one"},
	/* keys */
	{"enabled: true\nexport_intervall: 15s\n", "2:1", "unknown key 'export_intervall'",
	 "did you mean 'export_interval'?"},
	{"zebra: 1\n", "1:1", "unknown key 'zebra' in the configuration; known: enabled,",
	 "run_dir"},
	{"enabled: true\nenabled: false\n", "2:1", "'enabled' stands here twice, first in line 1",
	 "keep one"},
	{"peers:\n  - endpont: h/ilp\n    endpoint: h/ilp\n    asset: {code: USD, scale: 2}\n",
	 "2:5", "unknown key 'endpont' in a peer", "did you mean 'endpoint'?"},
	{"[a]: b\n", "1:1", "a key is not a single word", "key: value"},
	{"- a\n", "1:1", "the configuration is not a mapping", "key: value"},
	/* no value, wrong kinds */
	{"targets:\n", "1:9", "targets: has no value", "remove the key"},
	{"instance: ''\n", "1:11", "instance: is empty", "give it a value"},
	{"instance: [a]\n", "1:11", "instance: is a list", "single value"},
	{"instance: \"a\\nb\"\n", "1:11", "control character", "remove it"},
	{"instance: \"a\\0b\"\n", "1:11", "control character", "remove it"},
	{"targets: {unit: a.service}\n", "1:10", "targets: is not a list", "'- '"},
	{"targets:\n  - a.service\n", "2:5", "targets.0 is not a mapping", "key: value"},
	{"enabled: yes\n", "1:10", "'yes' is not true or false", "write one of them"},
	{"enabled: 'true'\n", "1:10", "'true' is not true or false", "without quotes"},
	{"network: mainnet\n", "1:10", "no network 'mainnet'", "testnet or livenet"},
	/* targets */
	{"targets:\n  - forwards: never\n", "2:5", "targets.0: a target has no name",
	 "unit, cgroup or pid"},
	{"targets:\n  - unit: a.service\n    pid: 3\n", "3:10", "named twice", "keep one"},
	{"targets:\n  - unit: a\n", "2:11", "not a systemd unit", "rafiki-backend.service"},
	{"targets:\n  - cgroup: a/b\n", "2:13", "not an absolute path", "begin it with /"},
	{"targets:\n  - pid: 0\n", "2:10", "out of range", "1 to 4194304"},
	{"targets:\n  - pid: self\n", "2:10", "not a whole number", "digits only"},
	{"targets:\n  - pid: 1\n    forwards: no\n", "3:15", "'no' is not an answer",
	 "write never"},
	{"targets:\n  - pid: 1\n  - pid: 1\n", "3:5", "is a target already, in line 2",
	 "remove one"},
	{"targets: [{pid: 1},{pid: 2},{pid: 3},{pid: 4},{pid: 5},{pid: 6},{pid: 7},{pid: 8},"
	 "{pid: 9},{pid: 10},{pid: 11},{pid: 12},{pid: 13},{pid: 14},{pid: 15},{pid: 16},{pid: "
	 "17}]",
	 "1:10", "has 17 items", "at most 16"},
	/* peers and assets */
	{"peers:\n  - asset: {code: USD, scale: 2}\n", "2:5", "peers.0: a peer has no 'endpoint'",
	 "add it"},
	{"peers:\n  - endpoint: h/ilp\n", "2:5", "has no 'asset'", "add it"},
	{"peers:\n  - endpoint: 'h h'\n    asset: {code: USD, scale: 2}\n", "2:15",
	 "'h h' is not an endpoint", "https://peer.example/ilp"},
	{"peers:\n  - endpoint: ftp://h/\n    asset: {code: USD, scale: 2}\n", "2:15",
	 "is not an endpoint", "https://peer.example/ilp"},
	{"peers:\n  - endpoint: h/ilp\n    token: deadbeef\n    asset: {code: USD, scale: 2}\n",
	 "3:12", "not a fingerprint", "never the bearer token itself"},
	{"peers:\n  - endpoint: h/ilp\n    token: '0000000000000000'\n"
	 "    asset: {code: USD, scale: 2}\n",
	 "3:12", "no token's fingerprint", "leave the key out"},
	{"peers:\n  - endpoint: h/ilp\n    asset: {code: USD}\n", "3:12", "an asset has no 'scale'",
	 "add it"},
	{"peers:\n  - endpoint: h/ilp\n    asset: {code: USD, scale: 39}\n", "3:31",
	 "peers.0.asset.scale: 39 is out of range", "0 to 38"},
	{"peers:\n  - endpoint: h/ilp\n    asset: {code: USDOLLARCOIN, scale: 2}\n", "3:19",
	 "too long for an asset code", "at most 11"},
	{"default_asset: {code: '?', scale: 2}\n", "1:23", "'?' is not an asset code", "like USD"},
	{"peers:\n  - &p {endpoint: h/ilp, asset: {code: USD, scale: 2}}\n"
	 "  - {endpoint: 'https://H:443/ilp?x', asset: {code: EUR, scale: 2}}\n",
	 "3:5", "in line 2 already", "apart by token"},
	/* rates, privacy, payments */
	{"rates:\n  operator: rates.json\n", "2:13", "neither an absolute path nor a URL",
	 "begin it"},
	{"rates:\n  network: {lifetime: 1h}\n", "2:12", "a source of rates has no 'url'", "add it"},
	{"privacy: {mechanism: magic}\n", "1:22", "no mechanism 'magic'",
	 "bucket-laplace or continual"},
	{"privacy: {rounding: up}\n", "1:21", "no rounding 'up'", "published or unbiased"},
	{"privacy: {epsilon: -1}\n", "1:20", "not a number from 0.001 to 20", "0.5"},
	{"privacy: {epsilon: 0.0001}\n", "1:20", "not a number from 0.001 to 20", "0.5"},
	{"privacy: {epsilon: 1.}\n", "1:20", "not a number from 0.001 to 20", "0.5"},
	{"privacy: {epsilon: 20.001}\n", "1:10", "epsilon is not from 0.001 to 20", "usual"},
	{"privacy: {epsilon: 0.000}\n", "1:10", "epsilon is not from 0.001 to 20", "usual"},
	{"privacy: {day_clip: 0}\n", "1:10", "day_clip is not from 1 to", "500 USD"},
	{"privacy: {packet_clip: 0}\n", "1:10", "packet_clip is not from 1 to", "16"},
	{"privacy: {hour_clip: 1000000000001}\n", "1:10", "hour_clip is above", "20 USD"},
	{"privacy: {min_bucket: -5}\n", "1:23", "not a whole number", "digits only"},
	{"privacy: {min_bucket: 99999999999999999999}\n", "1:23", "out of range", "write 0 to"},
	{"privacy:\n  min_bucket: 500\n  max_bucket: 400\n", "2:3", "privacy: ", ""},
	{"payments: {idle: 10m, max: 5m}\n", "1:11", "max (300000 ms) is shorter than idle",
	 "raise max"},
	{"payments: {idle: 500ms}\n", "1:18", "500ms is out of range", "write 1s to 1h"},
	/* durations */
	{"export_interval: 15\n", "1:18", "15 has no unit", "write 15ms, 15s, 15m or 15h"},
	{"export_interval: 1.5s\n", "1:18", "'1.5s' is not a duration", "like 1500ms"},
	{"export_interval: -1s\n", "1:18", "'-1s' is not a duration", "like 500ms"},
	{"export_interval: 2h\n", "1:18", "2h is out of range", "write 1s to 1h"},
	{"export_interval: 18446744073709551616s\n", "1:18", "out of range", "write 1s to 1h"},
	/* endpoints */
	{"endpoints:\n  - url: http://c:4317\n", "2:5",
	 "endpoints.0: an endpoint has no 'audience'", "add it"},
	{"endpoints:\n  - audience: own\n", "2:5", "an endpoint has no 'url'", "add it"},
	{"endpoints:\n  - url: http://c:4317\n    audience: all\n", "3:15", "no audience 'all'",
	 "write network"},
	{"endpoints:\n  - url: udp://c:4317\n    audience: own\n", "2:10", "does not speak",
	 "https://"},
	{"endpoints:\n  - url: 'http://a b'\n    audience: own\n", "2:10", "is not a URL",
	 "http://host:4317"},
	{"endpoints:\n  - url: http://c:4318/v1/metrics\n    audience: own\n", "2:10", "has a path",
	 "4318 is OTLP over HTTP"},
	{"endpoints:\n  - url: https://u:p@c\n    audience: own\n", "2:10", "user or password",
	 "`headers`"},
	{EP "    ca: /ca.pem\n", "2:5", "certificate files but no TLS", "https://"},
	{"endpoints:\n  - url: https://c\n    audience: own\n    cert: /c.pem\n", "2:5",
	 "cert without key", "needs both"},
	{EP "    ca: ca.pem\n", "4:9", "not an absolute path", "begin it with /"},
	{EP "    headers: {a b: x}\n", "4:14", "'a b' is not a header name", "letters"},
	{EP "    headers: {a: \"x\\ny\"}\n", "4:18", "control character", "remove it"},
	{EP "    headers: {a: \xc3\xa9}\n", "4:14", "no header can carry", "remove it"},
	{EP "    headers: {grpc-x: y}\n", "4:14", "gRPC keeps for itself", "choose another"},
	{EP "    headers: {a: x, a: y}\n", "4:21", "stands here twice", "keep one"},
	{EP "    headers: {a: x, A: y}\n", "4:14", "header 'a' stands there twice", "keep one"},
	{EP "    compression: zstd\n", "4:18", "no compression 'zstd'", "gzip or none"},
	{EP "    timeout: 1ms\n", "4:14", "out of range", "write 100ms to 5m"},
	{EP "  - url: https://c\n    audience: own\n", "4:5", "an endpoint already, in line 2",
	 "remove one"},
	{"resource: {telltale.network: x}\n", "1:11", "which telltale sets itself", "another name"},
	{"resource: {service.instance.id: x}\n", "1:11", "service.instance.id", "set `instance`"},
	/* listen, directories */
	{"listen: 0.0.0.0:9464\n", "1:9", "not a loopback address", "write 127.0.0.1:9464"},
	{"listen: '[2001:db8::1]:9464'\n", "1:9", "must not leave the host", "[::1]:9464"},
	{"listen: localhost:9464\n", "1:9", "not an address in digits", "127.0.0.1:9464"},
	{"listen: 9464\n", "1:9", "is not address:port", "127.0.0.1:9464"},
	{"listen: 127.0.0.1:0\n", "1:9", "has no port", "127.0.0.1:9464"},
	{"listen: 0.0.0.0:9464\n", "1:9", "must not leave the host", "listen_token"},
	{"listen: unix:page.sock\n", "1:9", "not an absolute path", "begin it with /"},
	{"listen: '[::1]:9464'\nlisten_token: token\n", "2:15", "not an absolute path", "begin"},
	{"tls_connections: 1\n", "1:18", "16", "65536"},
	{"state_dir: var\n", "1:12", "not an absolute path", "begin it with /"},
};

static void each_error_names_its_place_and_mend(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		struct config *c = (struct config *)1;
		char *errors, place[32];
		int err = load_env(wrongs[i].yaml, NULL, &c, &errors);

		snprintf(place, sizeof(place), FILE_NAME ":%s: ", wrongs[i].place);
		if (err != -EINVAL || strncmp(errors, place, strlen(place)) ||
		    !strstr(errors, wrongs[i].text) || !strstr(errors, wrongs[i].mend) ||
		    strchr(errors, '\n') != errors + strlen(errors) - 1) {
			print_error(
				"from:\n%s\nexpected \"%s... %s ... %s\", one line, got %d:\n%s",
				wrongs[i].yaml, place, wrongs[i].text, wrongs[i].mend, err, errors);
			fail();
		}
		assert_null(c);
		free(errors);
	}
}

static void all_errors_are_reported_not_just_the_first(void **state)
{
	struct config *c;
	char *errors;

	(void)state;
	assert_int_equal(load_env("enabled: maybe\nlisten: 1.2.3.4:80\nfoo: bar\n"
				  "peers:\n  - token: x\n",
				  ENV("LIVENET=perhaps"), &c, &errors),
			 -EINVAL);
	assert_contains(errors, FILE_NAME ":1:10: ");
	assert_contains(errors, FILE_NAME ":2:9: ");
	assert_contains(errors, FILE_NAME ":3:1: ");
	assert_contains(errors, FILE_NAME ":5:12: ");
	assert_contains(errors, FILE_NAME ":5:5: peers.0: a peer has no 'endpoint'");
	assert_contains(errors, FILE_NAME ":5:5: peers.0: a peer has no 'asset'");
	assert_contains(errors, "environment: LIVENET: ");
	free(errors);
}

static void a_token_or_header_pasted_wrongly_is_not_repeated(void **state)
{
	struct config *c;
	char *errors;

	(void)state;
	assert_int_equal(load_env("peers:\n  - endpoint: h\n    token: planted-secret\n"
				  "    asset: {code: USD, scale: 2}\n" EP
				  "    headers: {a: \"planted-secret\xc3\xa9\"}\n",
				  ENV("OTEL_EXPORTER_OTLP_HEADERS=planted-secret"), &c, &errors),
			 -EINVAL);
	assert_null(strstr(errors, "planted"));
	free(errors);
}

static void a_missing_file_is_said_with_the_mend(void **state)
{
	struct config *c;
	char *errors;
	size_t len;
	FILE *out = open_memstream(&errors, &len);

	(void)state;
	assert_int_equal(config_load("/nonexistent/t.yaml", NULL, out, &c), -ENOENT);
	fclose(out);
	assert_contains(errors, "/nonexistent/t.yaml: there is no such file");
	assert_contains(errors, "--config");
	free(errors);
}

static void a_file_larger_than_the_limit_is_refused(void **state)
{
	size_t len = CONFIG_FILE_MAX + 1;
	char *text = malloc(len), *errors;
	struct config *c;
	FILE *out = open_memstream(&errors, &len);

	(void)state;
	memset(text, '#', CONFIG_FILE_MAX + 1);
	write_file(text, CONFIG_FILE_MAX + 1);
	assert_int_equal(config_load(path, NULL, out, &c), -EFBIG);
	fclose(out);
	free(text);
	free(errors);
}

/* --- environment ------------------------------------------------------------------------- */

static void rafikis_variables_fill_in_what_the_file_leaves_out(void **state)
{
	char *const *env =
		ENV("INSTANCE_NAME=from-env", "LIVENET=true",
		    "OPEN_TELEMETRY_COLLECTOR_URLS=http://a:1, https://b",
		    "OPEN_TELEMETRY_EXPORT_INTERVAL=20000", "EXCHANGE_RATES_URL=http://own/",
		    "EXCHANGE_RATES_LIFETIME=5000", "TELEMETRY_EXCHANGE_RATES_URL=http://net/",
		    "TELEMETRY_EXCHANGE_RATES_LIFETIME=7000");
	struct config *c = right(NULL, env);

	(void)state;
	assert_string_equal(c->instance, "from-env");
	assert_int_equal(c->network, NETWORK_LIVENET);
	assert_int_equal(c->endpoints_len, 2);
	assert_string_equal(c->endpoints[0].authority, "a:1");
	assert_int_equal(c->endpoints[0].audience, AUDIENCE_NETWORK);
	assert_string_equal(c->endpoints[1].authority, "b:4317");
	assert_true(c->endpoints[1].tls);
	assert_int_equal(c->export_interval_ms, 20000);
	assert_string_equal(c->rates[RATES_OPERATOR].location, "http://own/");
	assert_int_equal(c->rates[RATES_OPERATOR].lifetime_ms, 5000);
	assert_string_equal(c->rates[RATES_NETWORK].location, "http://net/");
	assert_int_equal(c->rates[RATES_NETWORK].lifetime_ms, 7000);
	config_free(c);
	c = right("instance: from-file\nnetwork: livenet\nexport_interval: 9s\n" EP
		  "rates: {operator: {url: /r.json, lifetime: 2s}, network: /n.json}\n",
		  env);
	assert_string_equal(c->instance, "from-file");
	assert_int_equal(c->endpoints_len, 1);
	assert_string_equal(c->endpoints[0].authority, "c:4317");
	assert_int_equal(c->export_interval_ms, 9000);
	assert_string_equal(c->rates[RATES_OPERATOR].location, "/r.json");
	assert_int_equal(c->rates[RATES_OPERATOR].lifetime_ms, 2000);
	assert_string_equal(c->rates[RATES_NETWORK].location, "/n.json");
	assert_int_equal(c->rates[RATES_NETWORK].lifetime_ms, 7000);
	config_free(c);
	/* An empty list is the file's word too. */
	c = right("endpoints: []\n", env);
	assert_int_equal(c->endpoints_len, 0);
	config_free(c);
}

static void a_livenet_that_contradicts_the_file_is_refused(void **state)
{
	struct config *c;
	char *errors;

	(void)state;
	assert_int_equal(
		load_env("enabled: true\nnetwork: testnet\n", ENV("LIVENET=true"), &c, &errors),
		-EINVAL);
	assert_contains(errors, "environment: LIVENET: true contradicts `network: testnet` at "
				"t.yaml:2; make them agree");
	free(errors);
	c = right("network: testnet\n", ENV("LIVENET=false"));
	assert_int_equal(c->network, NETWORK_TESTNET);
	config_free(c);
}

static void the_otlp_family_overrides_file_and_rafiki(void **state)
{
	struct config *c =
		right(EP "    timeout: 3s\nexport_interval: 9s\nresource: {a: file, b: file}\n",
		      ENV("OPEN_TELEMETRY_COLLECTOR_URLS=http://no:1",
			  "OTEL_EXPORTER_OTLP_ENDPOINT=https://general:1",
			  "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=https://metrics",
			  "OTEL_EXPORTER_OTLP_CERTIFICATE=/ca", "OTEL_EXPORTER_OTLP_CLIENT_KEY=/k",
			  "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=/c",
			  "OTEL_EXPORTER_OTLP_HEADERS=Authorization=Bearer%20x%3D, x-two = 2",
			  "OTEL_EXPORTER_OTLP_COMPRESSION=none",
			  "OTEL_EXPORTER_OTLP_METRICS_COMPRESSION=gzip",
			  "OTEL_EXPORTER_OTLP_TIMEOUT=1234", "OTEL_METRIC_EXPORT_INTERVAL=5000",
			  "OTEL_SERVICE_NAME=named",
			  "OTEL_RESOURCE_ATTRIBUTES=service.name=lost,b=env,c=%C3%A9"));

	(void)state;
	assert_int_equal(c->endpoints_len, 1);
	assert_string_equal(c->endpoints[0].authority, "metrics:4317");
	assert_true(c->endpoints[0].tls);
	assert_int_equal(c->endpoints[0].audience, AUDIENCE_OWN);
	assert_string_equal(c->endpoints[0].ca_file, "/ca");
	assert_string_equal(c->endpoints[0].key_file, "/k");
	assert_string_equal(c->endpoints[0].cert_file, "/c");
	assert_int_equal(c->endpoints[0].headers_len, 2);
	assert_string_equal(c->endpoints[0].headers[0].name, "authorization");
	assert_string_equal(c->endpoints[0].headers[0].value, "Bearer x=");
	assert_string_equal(c->endpoints[0].headers[1].name, "x-two");
	assert_string_equal(c->endpoints[0].headers[1].value, "2");
	assert_true(c->endpoints[0].gzip);
	assert_int_equal(c->endpoints[0].timeout_ms, 1234);
	assert_int_equal(c->export_interval_ms, 5000);
	assert_string_equal(c->service_name, "named");
	assert_int_equal(c->attributes_len, 3);
	assert_string_equal(c->attributes[0].value, "file");
	assert_string_equal(c->attributes[1].value, "env");
	assert_string_equal(c->attributes[2].value, "\xc3\xa9");
	config_free(c);
}

static void an_endpoint_from_the_environment_is_never_declared_network_by_itself(void **state)
{
	char *const *env = ENV("OTEL_EXPORTER_OTLP_ENDPOINT=http://x");
	struct config *c = right(NULL, env);

	(void)state;
	assert_int_equal(c->endpoints[0].audience, AUDIENCE_OWN);
	config_free(c);
	c = right("endpoints: [{url: 'https://n', audience: network, ca: /ca, headers: {k: v}},"
		  "{url: 'http://o', audience: own}]\n",
		  env);
	assert_int_equal(c->endpoints_len, 1);
	assert_int_equal(c->endpoints[0].audience, AUDIENCE_NETWORK);
	/* Credentials of the one replaced stay behind. */
	assert_int_equal(c->endpoints[0].headers_len, 0);
	assert_null(c->endpoints[0].ca_file);
	config_free(c);
}

static void an_otlp_endpoint_without_scheme_is_tls_unless_insecure(void **state)
{
	struct config *c = right(NULL, ENV("OTEL_EXPORTER_OTLP_ENDPOINT=x:4317"));

	(void)state;
	assert_true(c->endpoints[0].tls);
	config_free(c);
	c = right(NULL,
		  ENV("OTEL_EXPORTER_OTLP_ENDPOINT=x:4317", "OTEL_EXPORTER_OTLP_INSECURE=true"));
	assert_false(c->endpoints[0].tls);
	config_free(c);
	c = right(NULL, ENV("OTEL_EXPORTER_OTLP_ENDPOINT=https://x:4317",
			    "OTEL_EXPORTER_OTLP_INSECURE=true"));
	assert_true(c->endpoints[0].tls);
	config_free(c);
}

static void an_empty_variable_counts_as_not_set(void **state)
{
	struct config *c =
		right(EP, ENV("INSTANCE_NAME=", "ENABLE_TELEMETRY=", "LIVENET=",
			      "OTEL_EXPORTER_OTLP_ENDPOINT=", "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT=",
			      "OTEL_EXPORTER_OTLP_TIMEOUT=777"));

	(void)state;
	assert_false(c->opted_out);
	assert_string_equal(c->endpoints[0].authority, "c:4317");
	assert_int_equal(c->endpoints[0].timeout_ms, 777);
	config_free(c);
}

static void each_error_in_the_environment_names_its_variable(void **state)
{
	static const struct {
		const char *variable, *value, *text;
	} bad[] = {
		{"ENABLE_TELEMETRY", "0", "not true or false"},
		{"LIVENET", "yes", "not true or false"},
		{"INSTANCE_NAME", "a\x01", "control character"},
		{"INSTANCE_NAME", "a\xff", "not UTF-8"},
		{"OPEN_TELEMETRY_COLLECTOR_URLS", "http://a/v1/metrics", "has a path"},
		{"OPEN_TELEMETRY_COLLECTOR_URLS", "http://a,a:4317", "a:4317 stands in it twice"},
		{"OPEN_TELEMETRY_COLLECTOR_URLS", "a%%b", "has no host"},
		{"OPEN_TELEMETRY_EXPORT_INTERVAL", "15s", "not a whole number"},
		{"EXCHANGE_RATES_URL", "rates.json", "neither an absolute path"},
		{"EXCHANGE_RATES_LIFETIME", "1", "out of range"},
		{"TELEMETRY_EXCHANGE_RATES_URL", "ftp://x", "neither an absolute path"},
		{"TELEMETRY_EXCHANGE_RATES_LIFETIME", "x", "not a whole number"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "unix:///x", "is not a URL"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://x", "does not speak"},
		{"OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "10s", "milliseconds"},
		{"OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", "gzip or none"},
		{"OTEL_EXPORTER_OTLP_HEADERS", "novalue", "entry 1 is not name=value"},
		{"OTEL_EXPORTER_OTLP_HEADERS", "a=b,c=%0A", "entry 2 holds a control character"},
		{"OTEL_EXPORTER_OTLP_HEADERS", "a=%00", "entry 1 holds a control character"},
		{"OTEL_EXPORTER_OTLP_HEADERS", "a=b,A=c", "header 'a' stands there twice"},
		{"OTEL_EXPORTER_OTLP_HEADERS", "grpc-a=b", "gRPC keeps"},
		{"OTEL_EXPORTER_OTLP_INSECURE", "maybe", "not true or false"},
		{"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/c.pem", "cert without key"},
		{"OTEL_EXPORTER_OTLP_CERTIFICATE", "ca.pem", "not an absolute path"},
		{"OTEL_RESOURCE_ATTRIBUTES", "telltale.x=1", "telltale sets itself"},
		{"OTEL_RESOURCE_ATTRIBUTES", "x", "entry 1 is not name=value"},
		{"OTEL_METRIC_EXPORT_INTERVAL", "10", "out of range"},
		{"OTEL_SERVICE_NAME", "\x7f", "control character"},
	};
	static const char with_endpoint[] = "endpoints: [{url: 'https://c', audience: own}]\n";

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char setting[128], place[128], *errors;
		struct config *c;

		snprintf(setting, sizeof(setting), "%s=%s", bad[i].variable, bad[i].value);
		snprintf(place, sizeof(place), "environment: %s: ", bad[i].variable);
		if (load_env(strncmp(setting, "OTEL_", 5) ? NULL : with_endpoint, ENV(setting), &c,
			     &errors) != -EINVAL ||
		    strncmp(errors, place, strlen(place)) || !strstr(errors, bad[i].text)) {
			print_error("%s: expected \"%s\", got: %s\n", setting, bad[i].text, errors);
			fail();
		}
		free(errors);
	}
}

static void headers_for_several_endpoints_must_stand_in_the_file(void **state)
{
	struct config *c;
	char *errors;

	(void)state;
	assert_int_equal(load_env(EP "  - {url: 'http://d', audience: own}\n",
				  ENV("OTEL_EXPORTER_OTLP_HEADERS=a=b"), &c, &errors),
			 -EINVAL);
	assert_contains(errors, "credentials for one of them");
	free(errors);
}

/* --- consent ----------------------------------------------------------------------------- */

static void only_the_file_starts_and_enable_telemetry_false_always_stops(void **state)
{
	static const struct {
		const char *file, *variable;
		bool starts;
		const char *reason;
	} table[] = {
		{"{}", NULL, false, "set `enabled: true`"},
		{"{}", "ENABLE_TELEMETRY=true", false, "does not start telltale"},
		{"{}", "ENABLE_TELEMETRY=false", false, "remove the variable"},
		{"enabled: false", NULL, false, "set `enabled: true`"},
		{"enabled: false", "ENABLE_TELEMETRY=true", false, "does not start telltale"},
		{"enabled: false", "ENABLE_TELEMETRY=false", false, "remove the variable"},
		{"enabled: true", NULL, true, NULL},
		{"enabled: true", "ENABLE_TELEMETRY=true", true, NULL},
		{"enabled: true", "ENABLE_TELEMETRY=TRUE", true, NULL},
		{"enabled: true", "ENABLE_TELEMETRY=false", false, "ENABLE_TELEMETRY=false"},
		{"enabled: true", "ENABLE_TELEMETRY=False", false, "ENABLE_TELEMETRY=false"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct config *c = right(table[i].file, ENV((char *)table[i].variable));
		const char *reason = config_consent(c);

		if (table[i].starts)
			assert_null(reason);
		else
			assert_contains(reason ? reason : "(consent given)", table[i].reason);
		if (reason)
			assert_null(strchr(reason, '\n'));
		config_free(c);
	}
}

static void enable_telemetry_true_is_remembered_for_the_double_counting_warning(void **state)
{
	struct config *c = right("enabled: true\n", ENV("ENABLE_TELEMETRY=true"));

	(void)state;
	assert_true(c->rafiki_telemetry_on);
	config_free(c);
	c = right("enabled: true\n", NULL);
	assert_false(c->rafiki_telemetry_on);
	config_free(c);
}

static void the_page_leaves_loopback_with_a_token_only(void **state)
{
	struct config *c = right("listen: 0.0.0.0:9464\nlisten_token: /etc/telltale/token\n", NULL);

	(void)state;
	assert_string_equal(c->listen, "0.0.0.0:9464");
	assert_string_equal(c->listen_token, "/etc/telltale/token");
	assert_false(config_listen_is_local(c->listen));
	config_free(c);
	c = right("listen: unix:/run/telltale/page.sock\n", NULL);
	assert_string_equal(c->listen, "unix:/run/telltale/page.sock");
	assert_true(config_listen_is_local(c->listen));
	config_free(c);
}

static void run_needs_a_target_and_a_place_for_its_figures(void **state)
{
	struct config *c = right("enabled: true\n", NULL);

	(void)state;
	assert_contains(config_runnable(c), "`targets:`");
	config_free(c);
	c = right("targets: [{pid: 1}]\nlisten: none\n", NULL);
	assert_null(c->listen);
	assert_contains(config_runnable(c), "`endpoints:`");
	config_free(c);
	c = right("targets: [{pid: 1}]\n", NULL);
	assert_null(config_runnable(c));
	config_free(c);
}

/* --- printing ---------------------------------------------------------------------------- */

static void each_value_printed_says_where_it_came_from(void **state)
{
	struct config *c =
		right(whole, ENV("OTEL_EXPORTER_OTLP_TIMEOUT=4000", "EXCHANGE_RATES_LIFETIME=60000",
				 "OTEL_SERVICE_NAME=svc"));
	char *text = printed(c);

	(void)state;
	assert_contains(text, "enabled: true  # t.yaml:1\n");
	assert_contains(text, "  - unit: rafiki-backend.service  # t.yaml:5\n");
	assert_contains(text, "    forwards: never  # t.yaml:6\n");
	assert_contains(text, "  - endpoint: happy-life.example/ilp  # t.yaml:11\n");
	assert_contains(text, "    token: 9f86d081884c7d65  # t.yaml:12\n");
	assert_contains(text, "    asset: {code: USD, scale: 2}  # t.yaml:13\n");
	assert_contains(text, "default_asset: {code: EUR, scale: 4}  # t.yaml:16\n");
	assert_contains(text, "    url: /etc/telltale/rates.json  # t.yaml:18\n");
	assert_contains(text, "    lifetime: 1m  # environment EXCHANGE_RATES_LIFETIME\n");
	assert_contains(text, "    lifetime: 1h  # t.yaml:19\n");
	assert_contains(text, "  min_bucket: 5000  # t.yaml:20\n");
	assert_contains(text, "  max_bucket: 10000000  # default\n");
	assert_contains(text, "    timeout: 4s  # environment OTEL_EXPORTER_OTLP_TIMEOUT\n");
	assert_contains(text, "    compression: none  # default\n");
	assert_contains(text, "  service.name: svc  # environment OTEL_SERVICE_NAME\n");
	assert_contains(text, "  deployment.environment: test  # t.yaml:33\n");
	assert_contains(text, "      x-key: \"***\"  # t.yaml:27\n");
	assert_null(strstr(text, "planted-secret"));
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		if (line[strlen(line) - 1] != ':' && line[0] != '#' && !strstr(line, "  # ")) {
			print_error("no source: %s\n", line);
			fail();
		}
	}
	free(text);
	config_free(c);
}

static void a_replaced_endpoint_keeps_no_source_of_the_old_one(void **state)
{
	struct config *c =
		right(EP "    timeout: 3s\n", ENV("OTEL_EXPORTER_OTLP_ENDPOINT=http://x"));
	char *text = printed(c);

	(void)state;
	assert_contains(text, "  - url: http://x  # environment OTEL_EXPORTER_OTLP_ENDPOINT\n");
	assert_contains(text, "    timeout: 10s  # default\n");
	free(text);
	config_free(c);
}

/* Comments away, so that only values are compared. */
static void cut_comments(char *text)
{
	char *from = text, *to = text;

	while (*from) {
		if (!strncmp(from, "  # ", 4))
			from += strcspn(from, "\n");
		else
			*to++ = *from++;
	}
	*to = '\0';
}

static void what_is_printed_loads_as_the_same_configuration(void **state)
{
	static const char *const files[] = {
		whole, "{}\n",
		"instance: 'true'\nresource: {e: '', k: \"a: b # c \\\" \\\\ \xc3\xa9\"}\n",
		"listen: none\ninstance: '- x'\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct config *c = right(files[i], NULL);
		char *first = printed(c), *second;

		config_free(c);
		c = right(first, NULL);
		second = printed(c);
		config_free(c);
		cut_comments(first);
		cut_comments(second);
		assert_string_equal(first, second);
		free(first);
		free(second);
	}
}

static void an_opt_out_in_the_environment_is_shown_with_enabled(void **state)
{
	struct config *c = right("enabled: true\n", ENV("ENABLE_TELEMETRY=false"));
	char *text = printed(c);

	(void)state;
	assert_contains(text, "# ENABLE_TELEMETRY=false in the environment stops telltale");
	free(text);
	config_free(c);
}

/* --- endpoints of peers ------------------------------------------------------------------ */

static void endpoints_are_normalised(void **state)
{
	static const struct {
		const char *text, *normal;
	} table[] = {
		{"https://Happy-Life.Example/ILP", "happy-life.example/ILP"},
		{"happy-life.example", "happy-life.example/"},
		{"http://h:80/ilp", "h/ilp"},
		{"https://h:443/ilp", "h/ilp"},
		{"h:443", "h/"},
		{"h:3002/ilp", "h:3002/ilp"},
		{"h./ilp", "h/ilp"},
		{"h/ilp?x=1#y", "h/ilp"},
		{"http://u:p@h/ilp", "h/ilp"},
		{"[::1]:3002/", "[::1]:3002/"},
		{"h/a/../b//c", "h/a/../b//c"},
		{"ftp://h/", NULL},
		{"h h", NULL},
		{"", NULL},
		{"/ilp", NULL},
		{"h%0a/ilp", NULL},
		{"h%2fx/ilp", NULL},
		{"h:99999/", NULL},
		{"h\xc3\xa9/", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char *normal = config_normalise_endpoint(table[i].text);

		if (!normal != !table[i].normal || (normal && strcmp(normal, table[i].normal))) {
			print_error("%s: expected %s, got %s\n", table[i].text, table[i].normal,
				    normal);
			fail();
		}
		free(normal);
	}
}

static void aliases_that_multiply_or_contain_themselves_do_no_harm(void **state)
{
	struct config *c;
	char *errors;

	(void)state;
	assert_int_equal(load_env("targets: &t [*t]\n", NULL, &c, &errors), -EINVAL);
	assert_contains(errors, "is not a mapping");
	free(errors);
	assert_int_equal(load_env("resource: &r {a: *r}\n", NULL, &c, &errors), -EINVAL);
	free(errors);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_file_everything_has_its_default),
		cmocka_unit_test(every_key_reaches_its_field),
		cmocka_unit_test(the_installed_example_is_right_and_opts_in_to_nothing),
		cmocka_unit_test(each_error_names_its_place_and_mend),
		cmocka_unit_test(all_errors_are_reported_not_just_the_first),
		cmocka_unit_test(a_token_or_header_pasted_wrongly_is_not_repeated),
		cmocka_unit_test(a_missing_file_is_said_with_the_mend),
		cmocka_unit_test(a_file_larger_than_the_limit_is_refused),
		cmocka_unit_test(rafikis_variables_fill_in_what_the_file_leaves_out),
		cmocka_unit_test(a_livenet_that_contradicts_the_file_is_refused),
		cmocka_unit_test(the_otlp_family_overrides_file_and_rafiki),
		cmocka_unit_test(
			an_endpoint_from_the_environment_is_never_declared_network_by_itself),
		cmocka_unit_test(an_otlp_endpoint_without_scheme_is_tls_unless_insecure),
		cmocka_unit_test(an_empty_variable_counts_as_not_set),
		cmocka_unit_test(each_error_in_the_environment_names_its_variable),
		cmocka_unit_test(headers_for_several_endpoints_must_stand_in_the_file),
		cmocka_unit_test(only_the_file_starts_and_enable_telemetry_false_always_stops),
		cmocka_unit_test(
			enable_telemetry_true_is_remembered_for_the_double_counting_warning),
		cmocka_unit_test(the_page_leaves_loopback_with_a_token_only),
		cmocka_unit_test(run_needs_a_target_and_a_place_for_its_figures),
		cmocka_unit_test(each_value_printed_says_where_it_came_from),
		cmocka_unit_test(a_replaced_endpoint_keeps_no_source_of_the_old_one),
		cmocka_unit_test(what_is_printed_loads_as_the_same_configuration),
		cmocka_unit_test(an_opt_out_in_the_environment_is_shown_with_enabled),
		cmocka_unit_test(endpoints_are_normalised),
		cmocka_unit_test(aliases_that_multiply_or_contain_themselves_do_no_harm),
	};

	return cmocka_run_group_tests_name("config", tests, make_directory, remove_directory);
}
