/* SPDX-License-Identifier: Apache-2.0 */
/* config: files with errors, and the messages about them. */
#include "tests/unit/support/configuring.h"
#include "tests/unit/support/skipping.h"

#include <sys/stat.h>

struct wrong {
	const char *yaml;
	const char *place; /* "line:column" */
	const char *text;  /* part of the message; the next is part of the fix that it names */
	const char *fix;
};

/* So many targets more; N begins their numbers. */
#define FOUR(n)    ", {pid: " n "0}, {pid: " n "1}, {pid: " n "2}, {pid: " n "3}"
#define SIXTEEN(n) FOUR(n "1") FOUR(n "2") FOUR(n "3") FOUR(n "4")

static const struct wrong wrongs[] = {
	/* syntax and bytes */
	{"enabled: [true\n", "2:1", "not YAML", "check the indentation"},
	{"a:\n\tb: 1\n", "2:1", "not YAML", "spaces, not tabs"},
	{"enabled: true\nx: \xff\n", "2:4", "not YAML", "save the file as UTF-8"},
	{"enabled: true\n---\nenabled: false\n", "2:1", "second YAML document", "keep one"},
	/* keys */
	{"enabled: true\nexport_intervall: 15s\n", "2:1", "unknown key 'export_intervall'",
	 "did you mean 'export_interval'?"},
	{"zebra: 1\n", "1:1", "unknown key 'zebra' in the configuration; known: enabled,",
	 "run_dir"},
	{"enabled: true\nenabled: false\n", "2:1", "'enabled' is here twice, first in line 1",
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
	 "unit, container, pod, executable, cgroup or pid"},
	{"targets:\n  - unit: a.service\n    pid: 3\n", "3:10", "named twice", "keep one"},
	{"targets:\n  - unit: a\n", "2:11", "not a systemd unit", "rafiki-backend.service"},
	{"targets:\n  - cgroup: a/b\n", "2:13", "not an absolute path", "begin it with /"},
	{"targets:\n  - pid: 0\n", "2:10", "out of range", "1 to 4194304"},
	{"targets:\n  - pid: self\n", "2:10", "not a whole number", "digits only"},
	{"targets:\n  - pid: 1\n    forwards: no\n", "3:15", "'no' is not an answer",
	 "write never"},
	{"targets:\n  - pid: 1\n  - pid: 1\n", "3:5", "is a target already, in line 2",
	 "remove one"},
	{"targets: [{pid: 1}" SIXTEEN("20") SIXTEEN("21") SIXTEEN("22") SIXTEEN("23") SIXTEEN("24")
		 SIXTEEN("25") SIXTEEN("26") SIXTEEN("27") SIXTEEN("28") SIXTEEN("29") SIXTEEN("30")
			 SIXTEEN("31") SIXTEEN("32") SIXTEEN("33") SIXTEEN("34") SIXTEEN("35") "]",
	 "1:10", "has 257 items", "at most 256"},
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
	 "3:12", "not the fingerprint of any token", "leave the key out"},
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
	{"endpoints:\n  - url: udp://c:4317\n    audience: own\n", "2:10", "does not support",
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
	{EP "    headers: {grpc-x: y}\n", "4:14", "gRPC reserves", "choose another"},
	{EP "    headers: {a: x, a: y}\n", "4:21", "is here twice", "keep one"},
	{EP "    headers: {a: x, A: y}\n", "4:14", "header 'a' is there twice", "keep one"},
	{EP "    compression: zstd\n", "4:18", "no compression 'zstd'", "gzip or none"},
	{EP "    timeout: 1ms\n", "4:14", "out of range", "write 100ms to 5m"},
	{"endpoints:\n  - url: https://c\n    audience: own\n  - url: http://C:4317\n"
	 "    audience: network\n",
	 "4:5", "exact figures and the network's", "a collector of its own"},
	{"endpoints:\n  - url: http://localhost\n    audience: network\n  - url: http://[::1]\n"
	 "    audience: own\n",
	 "4:5", "an endpoint already, in line 2", "remove one"},
	{EP "  - url: https://c\n    audience: own\n", "4:5", "an endpoint already, in line 2",
	 "remove one"},
	{"resource: {telltale.network: x}\n", "1:11", "which telltale sets itself", "another name"},
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
	{"profile: {columns: yes}\n", "1:20", "is not true or false", "write one of them"},
	{"profile: {traces: {sample: 1}}\n", "1:19", "no 'key_file'", "add it"},
	{"profile: {traces: {key_file: k}}\n", "1:30", "k", "absolute"},
	{"profile: {traces: {key_file: /k, sample: 1.5}}\n", "1:42", "share from 0 to 1", "0.01"},
	{"profile: {traces: {key_file: /k, sample: 5%}}\n", "1:42", "share from 0 to 1", "0.01"},
	{"profile: {traces: {key_file: /k, slowest: 101}}\n", "1:43", "0", "100"},
	{"endpoints: [{url: http://x:1, audience: own, traces: true}]\n", "1:12", "endpoints.0",
	 "profile.traces.key_file"},
	{"profile: {traces: {key_file: /k}}\n"
	 "endpoints: [{url: http://x:1, audience: network, traces: true}]\n",
	 "2:13", "your own collectors", "remove traces"},
	{"profile: {peers: 33}\n", "1:18", "0", "32"},
	{"profile:\n  dependencies: [{name: db}]\n", "2:18", "no 'port'", "add it"},
	{"profile:\n  dependencies: [{name: db, port: 0}]\n", "2:35", "1", "65535"},
	{"profile:\n  dependencies: [{name: a, port: 1}, {name: b, port: 2}, {name: c, port: 3},"
	 " {name: d, port: 4}, {name: e, port: 5}, {name: f, port: 6}, {name: g, port: 7}]\n",
	 "2:17", "more than 8 names", "remove some"},
	{"state_dir: var\n", "1:12", "not an absolute path", "begin it with /"},
};

static void each_error_names_its_place_and_the_fix(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		struct config *c = (struct config *)1;
		char *errors, place[32];
		int err = load_env(wrongs[i].yaml, NULL, &c, &errors);

		snprintf(place, sizeof(place), FILE_NAME ":%s: ", wrongs[i].place);
		if (err != -EINVAL || strncmp(errors, place, strlen(place)) ||
		    !strstr(errors, wrongs[i].text) || !strstr(errors, wrongs[i].fix) ||
		    strchr(errors, '\n') != errors + strlen(errors) - 1) {
			print_error(
				"from:\n%s\nexpected \"%s... %s ... %s\", one line, got %d:\n%s",
				wrongs[i].yaml, place, wrongs[i].text, wrongs[i].fix, err, errors);
			fail();
		}
		assert_null(c);
		free(errors);
	}
}

static void one_collector_is_not_for_both_audiences_whatever_it_is_called(void **state)
{
	static const struct {
		const char *own, *network;
		bool same;
	} pairs[] = {
		{"https://c", "http://C.:4317", true},
		{"http://localhost", "http://127.0.0.1:4317", true},
		{"http://LOCALHOST.", "http://127.1", true},
		{"http://0.0.0.0", "http://localhost", true},
		{"http://[::]", "http://[0:0:0:0:0:0:0:1]", true},
		{"http://[::ffff:127.0.0.1]", "http://localhost", true},
		{"http://[::ffff:10.0.0.1]", "https://10.0.0.1", true},
		{"http://[2001:db8::1]", "http://[2001:0db8:0::1]", true},
		{"http://localhost:4317", "http://localhost:14317", false},
		{"http://127.0.0.1", "http://127.0.0.2", false},
		{"http://10.0.0.1", "http://c", false},
		{"http://c", "http://cc", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		char text[200], *errors;
		struct config *c;
		int err;

		snprintf(
			text, sizeof(text),
			"endpoints: [{url: '%s', audience: own}, {url: '%s', audience: network}]\n",
			pairs[i].own, pairs[i].network);
		err = load_env(text, NULL, &c, &errors);
		if (err != (pairs[i].same ? -EINVAL : 0) ||
		    (pairs[i].same && !strstr(errors, "exact figures and the network's"))) {
			print_error("%s and %s: %d, %s\n", pairs[i].own, pairs[i].network, err,
				    errors);
			fail();
		}
		config_free(c);
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

static void an_error_does_not_repeat_a_wrongly_pasted_token_or_header(void **state)
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

static void an_error_does_not_repeat_a_password_or_key_of_an_unusable_url(void **state)
{
	static const char *const urls[] = {
		"https://me:planted-secret@c:99999",
		"https://me:planted/secret@c d",
		"https://me:planted?secret@c:x",
		"https://me:pl@nted-secret@c d",
		"me:planted-secret@c:4317",
		"https://c:4317?key=planted-secret",
		"udp://c:4317/#planted-secret",
		"https://c:4317/v1/metrics?planted-secret",
		"https://me:pl%zznted-secret@c:4317/v1",
		"http://[::1?planted-secret",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		char file[256], variable[256], *errors;
		struct config *c;

		snprintf(file, sizeof(file),
			 "endpoints: [{url: '%s', audience: own}]\npeers: [{endpoint: 'h //%s'}]\n",
			 urls[i], urls[i]);
		snprintf(variable, sizeof(variable), "OTEL_EXPORTER_OTLP_ENDPOINT=%s", urls[i]);
		assert_int_equal(load_env(file, ENV(variable), &c, &errors), -EINVAL);
		assert_non_null(strstr(errors, "environment: OTEL_EXPORTER_OTLP_ENDPOINT: "));
		if (strstr(errors, "nted") || strstr(errors, "secret"))
			fail_msg("%s", errors);
		free(errors);
	}
}

static void a_missing_file_is_reported_with_the_fix(void **state)
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

/* Loads the file that is there, without writing it again. */
static int load_as_it_is(struct config **c, char **errors)
{
	size_t len;
	FILE *out = open_memstream(errors, &len);
	int err;

	assert_non_null(out);
	err = config_load(path, NULL, out, c);
	assert_int_equal(fclose(out), 0);
	return err;
}

static void a_file_that_everybody_may_write_is_refused(void **state)
{
	static const char text[] = "enabled: false\n";
	struct config *c = NULL;
	char *errors;

	(void)state;
	unlink(path);
	write_file(text, strlen(text));
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(load_as_it_is(&c, &errors), -EPERM);
	assert_null(c);
	assert_contains(errors, "chmod o-w");
	free(errors);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(load_as_it_is(&c, &errors), 0);
	assert_int_equal(c->remarks_len, 0);
	free(errors);
	config_free(c);
}

static void a_file_of_another_user_or_of_a_group_is_remarked(void **state)
{
	struct config *c = NULL;
	char *errors;

	(void)state;
	if (geteuid())
		SKIP("only root can give files away");
	unlink(path);
	write_file("enabled: false\n", 15);
	assert_int_equal(chown(path, 65534, 65534), 0);
	assert_int_equal(chmod(path, 0664), 0);
	assert_int_equal(load_as_it_is(&c, &errors), 0);
	assert_true(c->others_write);
	assert_contains(c->remarks[0], "belongs to user 65534");
	free(errors);
	config_free(c);
	assert_int_equal(chown(path, 0, 65534), 0);
	assert_int_equal(load_as_it_is(&c, &errors), 0);
	assert_true(c->others_write);
	assert_contains(c->remarks[0], "written by group 65534");
	free(errors);
	config_free(c);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(load_as_it_is(&c, &errors), 0);
	assert_false(c->others_write);
	assert_int_equal(c->remarks_len, 0);
	free(errors);
	config_free(c);
	unlink(path);
}

static void a_file_in_a_directory_where_others_can_replace_it_is_remarked(void **state)
{
	struct config *c = NULL;
	char *errors;

	(void)state;
	write_file("enabled: false\n", 15);
	assert_int_equal(chmod(directory, 0777), 0);
	assert_int_equal(load_as_it_is(&c, &errors), 0);
	assert_true(c->others_write);
	assert_contains(c->remarks[0], "can be written by every user");
	free(errors);
	config_free(c);
	/* As in /tmp: only the owner of a file replaces it. */
	assert_int_equal(chmod(directory, 01777), 0);
	assert_int_equal(load_as_it_is(&c, &errors), 0);
	assert_false(c->others_write);
	free(errors);
	config_free(c);
	assert_int_equal(chmod(directory, 0700), 0);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_that_everybody_may_write_is_refused),
		cmocka_unit_test(a_file_of_another_user_or_of_a_group_is_remarked),
		cmocka_unit_test(a_file_in_a_directory_where_others_can_replace_it_is_remarked),
		cmocka_unit_test(each_error_names_its_place_and_the_fix),
		cmocka_unit_test(one_collector_is_not_for_both_audiences_whatever_it_is_called),
		cmocka_unit_test(all_errors_are_reported_not_just_the_first),
		cmocka_unit_test(an_error_does_not_repeat_a_wrongly_pasted_token_or_header),
		cmocka_unit_test(an_error_does_not_repeat_a_password_or_key_of_an_unusable_url),
		cmocka_unit_test(a_missing_file_is_reported_with_the_fix),
		cmocka_unit_test(a_file_larger_than_the_limit_is_refused),
		cmocka_unit_test(aliases_that_multiply_or_contain_themselves_do_no_harm),
	};

	return cmocka_run_group_tests_name("config_errors", tests, make_directory,
					   remove_directory);
}
