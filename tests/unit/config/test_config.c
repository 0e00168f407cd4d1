/* SPDX-License-Identifier: Apache-2.0 */
/* config: defaults, every key, and what is printed. */
#include "tests/unit/support/configuring.h"

#include "config/profiling.h"

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
	assert_int_equal(config_tls_connections(c), 1024);
	c->targets_len = 100; /* of each target some are followed */
	assert_int_equal(config_tls_connections(c), 1600);
	c->targets_len = 0;
	/* Nothing runs at every switch of the host's threads before the operator says so. */
	assert_false(c->profile.columns);
	assert_int_equal(c->profile.peers, 32);
	assert_int_equal(c->profile.dependencies_len, 0);
	assert_null(c->profile.traces.key_file);
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
			    "    network: livenet\n"
			    "  - url: http://10.0.0.1:9999\n"
			    "    audience: own\n"
			    "    histograms: exponential\n"
			    "    traces: true\n"
			    "export_interval: 1m\n"
			    "resource: {deployment.environment: test, service.name: probe}\n"
			    "listen: '[::1]:9000'\n"
			    "payments: {idle: 5s, max: 1h}\n"
			    "tls_connections: 5000\n"
			    "profile:\n"
			    "  traces:\n"
			    "    key_file: /etc/telltale/traces.key\n"
			    "    sample: 0.025\n"
			    "    slowest: 3\n"
			    "  columns: true\n"
			    "  peers: 7\n"
			    "  dependencies:\n"
			    "    - {name: tigerbeetle, port: 3000}\n"
			    "    - {name: postgresql, port: 6432}\n"
			    "state_dir: /s\n"
			    "run_dir: /r\n"
			    "cardinality_limit: 500\n"
			    "livenet_enabled: true\n";

static void every_key_reaches_its_field(void **state)
{
	struct config *c = right(whole, NULL);
	struct dependencies dependencies;

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
	assert_false(c->endpoints[0].exponential);
	assert_int_equal(c->endpoints[0].network, NETWORK_LIVENET);
	assert_true(c->endpoints[1].exponential);
	assert_false(c->endpoints[0].traces);
	assert_true(c->endpoints[1].traces);
	assert_int_equal(c->privacy.cardinality_limit, 500);
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
	assert_int_equal(config_tls_connections(c), 5000);
	assert_true(c->profile.columns);
	assert_int_equal(c->profile.peers, 7);
	assert_int_equal(c->profile.dependencies_len, 2);
	assert_string_equal(c->profile.dependencies[0].name, "tigerbeetle");
	assert_int_equal(c->profile.dependencies[0].port, 3000);
	assert_string_equal(c->profile.traces.key_file, "/etc/telltale/traces.key");
	assert_int_equal(c->profile.traces.sample, 25000);
	assert_int_equal(c->profile.traces.slowest, 3);
	config_dependencies(c, &dependencies);
	assert_string_equal(dependencies.names[1], "postgresql");
	assert_string_equal(dependencies.names[3], "tigerbeetle");
	assert_int_equal(dependencies.ports_len, 4);
	assert_int_equal(dependencies.ports[3].class, 1);
	assert_string_equal(c->state_dir, "/s");
	assert_null(config_consent(c));
	assert_null(config_runnable(c));
	config_free(c);
}

static void the_installed_example_is_valid_and_opts_in_to_nothing(void **state)
{
	struct config *c = NULL;

	(void)state;
	assert_int_equal(config_load("scripts/deploy/telltale.yaml", NULL, stderr, &c), 0);
	assert_false(c->enabled);
	assert_int_equal(c->targets_len, 0);
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
	assert_contains(text, "  deployment.environment: test  # t.yaml:36\n");
	assert_contains(text, "    traces: true  # t.yaml:34\n");
	assert_contains(text, "    sample: 0.025000  # t.yaml:43\n");
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

static void no_key_in_a_url_of_rates_is_printed(void **state)
{
	struct config *c = right("rates: {operator: {url: 'https://u:planted@h/r?key=planted'}}\n",
				 ENV("TELEMETRY_EXCHANGE_RATES_URL=http://h/n?planted"));
	char *text = printed(c);

	(void)state;
	assert_null(strstr(text, "planted"));
	assert_contains(text, "https://...@h/r?...");
	assert_contains(text, "http://h/n?...");
	free(text);
	config_free(c);
}

static void a_replaced_endpoint_does_not_name_the_sources_of_the_old_one(void **state)
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

/* Removes the comments, so that only values are compared. */
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

static void a_printed_configuration_loads_as_the_same_one(void **state)
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_file_everything_has_its_default),
		cmocka_unit_test(every_key_reaches_its_field),
		cmocka_unit_test(the_installed_example_is_valid_and_opts_in_to_nothing),
		cmocka_unit_test(each_value_printed_says_where_it_came_from),
		cmocka_unit_test(no_key_in_a_url_of_rates_is_printed),
		cmocka_unit_test(a_replaced_endpoint_does_not_name_the_sources_of_the_old_one),
		cmocka_unit_test(a_printed_configuration_loads_as_the_same_one),
		cmocka_unit_test(an_opt_out_in_the_environment_is_shown_with_enabled),
	};

	return cmocka_run_group_tests_name("config", tests, make_directory, remove_directory);
}
