/* SPDX-License-Identifier: Apache-2.0 */
/* config: the environment, and consent. */
#include "tests/unit/support/configuring.h"

/* --- environment ------------------------------------------------------------------------- */

static void rafikis_variables_set_what_the_file_does_not(void **state)
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
	/* An empty list in the file counts as set, too. */
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

static void
an_endpoint_from_the_environment_gets_exact_figures_only_if_all_it_replaces_did(void **state)
{
	char *const *env = ENV("OTEL_EXPORTER_OTLP_ENDPOINT=http://x");
	struct config *c = right(NULL, env);

	(void)state;
	assert_int_equal(c->endpoints[0].audience, AUDIENCE_NETWORK);
	config_free(c);
	c = right("endpoints: [{url: 'https://n', audience: network, ca: /ca, headers: {k: v}},"
		  "{url: 'http://o', audience: own}]\n",
		  env);
	assert_int_equal(c->endpoints_len, 1);
	assert_int_equal(c->endpoints[0].audience, AUDIENCE_NETWORK);
	/* The credentials of the replaced endpoint are not taken over. */
	assert_int_equal(c->endpoints[0].headers_len, 0);
	assert_null(c->endpoints[0].ca_file);
	config_free(c);
	c = right("endpoints: [{url: 'http://o', audience: own},"
		  "{url: 'https://n', audience: network}]\n",
		  env);
	assert_int_equal(c->endpoints_len, 1);
	assert_int_equal(c->endpoints[0].audience, AUDIENCE_NETWORK);
	config_free(c);
	c = right(
		"endpoints: [{url: 'http://o', audience: own}, {url: 'http://p', audience: own}]\n",
		env);
	assert_int_equal(c->endpoints[0].audience, AUDIENCE_OWN);
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
		{"INSTANCE_NAME", "a\xc2\x85", "control character (a line break, say) at byte 2"},
		{"INSTANCE_NAME", "a\xc2 b", "not UTF-8 at byte 2"},
		{"INSTANCE_NAME", "ab\xed\xa0\x80", "not UTF-8 at byte 3"},
		{"OPEN_TELEMETRY_COLLECTOR_URLS", "http://a/v1/metrics", "has a path"},
		{"OPEN_TELEMETRY_COLLECTOR_URLS", "http://a,a:4317", "names a:4317 twice"},
		{"OPEN_TELEMETRY_COLLECTOR_URLS", "a%%b", "has no host"},
		{"OPEN_TELEMETRY_EXPORT_INTERVAL", "15s", "not a whole number"},
		{"EXCHANGE_RATES_URL", "rates.json", "neither an absolute path"},
		{"EXCHANGE_RATES_LIFETIME", "1", "out of range"},
		{"TELEMETRY_EXCHANGE_RATES_URL", "ftp://x", "neither an absolute path"},
		{"TELEMETRY_EXCHANGE_RATES_LIFETIME", "x", "not a whole number"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "unix:///x", "is not a URL"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://x", "does not support"},
		{"OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "10s", "milliseconds"},
		{"OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", "gzip or none"},
		{"OTEL_EXPORTER_OTLP_HEADERS", "novalue", "entry 1 is not name=value"},
		{"OTEL_EXPORTER_OTLP_HEADERS", "a=b,c=%0A", "entry 2 holds a control character"},
		{"OTEL_EXPORTER_OTLP_HEADERS", "a=%00", "entry 1 holds a control character"},
		{"OTEL_EXPORTER_OTLP_HEADERS", "a=b,A=c", "header 'a' is there twice"},
		{"OTEL_EXPORTER_OTLP_HEADERS", "grpc-a=b", "gRPC reserves"},
		{"OTEL_EXPORTER_OTLP_INSECURE", "maybe", "not true or false"},
		{"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/c.pem", "cert without key"},
		{"OTEL_EXPORTER_OTLP_CERTIFICATE", "ca.pem", "not an absolute path"},
		{"OTEL_RESOURCE_ATTRIBUTES", "telltale.x=1", "telltale sets itself"},
		{"OTEL_RESOURCE_ATTRIBUTES", "x", "entry 1 is not name=value"},
		{"OTEL_METRIC_EXPORT_INTERVAL", "10", "out of range"},
		{"OTEL_SERVICE_NAME", "\x7f", "control character"},
		{"OTEL_SDK_DISABLED", "1", "not true or false"},
		{"OTEL_METRICS_EXPORTER", "console", "no exporter 'console'"},
		{"OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf", "write grpc"},
		{"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta", "lose"},
		{"OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "x", "no aggregation"},
		{"OTEL_METRIC_EXPORT_TIMEOUT", "1", "out of range"},
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
		{"enabled: true\nnetwork: livenet", NULL, false, "set `livenet_enabled: true`"},
		{"enabled: true", "LIVENET=true", false, "set `livenet_enabled: true`"},
		{"enabled: true\nnetwork: livenet\nlivenet_enabled: true", NULL, true, NULL},
		{"livenet_enabled: true\nnetwork: livenet", NULL, false, "set `enabled: true`"},
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

static void the_page_listens_beyond_loopback_only_with_a_token(void **state)
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

static void run_needs_a_target_and_an_outlet_for_its_figures(void **state)
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

static void a_flag_that_rafiki_reads_in_another_way_is_remarked(void **state)
{
	struct config *c = right(NULL, ENV("LIVENET=TRUE", "ENABLE_TELEMETRY=True"));

	(void)state;
	assert_int_equal(c->network, NETWORK_LIVENET);
	assert_int_equal(c->remarks_len, 2);
	assert_non_null(strstr(c->remarks[0], "ENABLE_TELEMETRY=True is true here"));
	assert_non_null(strstr(c->remarks[1], "LIVENET=TRUE is true here, and false for Rafiki"));
	config_free(c);
	c = right(NULL, ENV("LIVENET=false", "ENABLE_TELEMETRY=true"));
	assert_int_equal(c->remarks_len, 0);
	config_free(c);
}

static void an_id_of_the_operators_own_is_taken(void **state)
{
	struct config *c = right(NULL, ENV("OTEL_RESOURCE_ATTRIBUTES=service.instance.id=pod-7"));

	(void)state;
	assert_int_equal(c->attributes_len, 1);
	assert_string_equal(c->attributes[0].key, "service.instance.id");
	assert_string_equal(c->attributes[0].value, "pod-7");
	config_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flag_that_rafiki_reads_in_another_way_is_remarked),
		cmocka_unit_test(an_id_of_the_operators_own_is_taken),
		cmocka_unit_test(rafikis_variables_set_what_the_file_does_not),
		cmocka_unit_test(a_livenet_that_contradicts_the_file_is_refused),
		cmocka_unit_test(the_otlp_family_overrides_file_and_rafiki),
		cmocka_unit_test(
			an_endpoint_from_the_environment_gets_exact_figures_only_if_all_it_replaces_did),
		cmocka_unit_test(an_otlp_endpoint_without_scheme_is_tls_unless_insecure),
		cmocka_unit_test(an_empty_variable_counts_as_not_set),
		cmocka_unit_test(each_error_in_the_environment_names_its_variable),
		cmocka_unit_test(headers_for_several_endpoints_must_stand_in_the_file),
		cmocka_unit_test(only_the_file_starts_and_enable_telemetry_false_always_stops),
		cmocka_unit_test(
			enable_telemetry_true_is_remembered_for_the_double_counting_warning),
		cmocka_unit_test(the_page_listens_beyond_loopback_only_with_a_token),
		cmocka_unit_test(run_needs_a_target_and_an_outlet_for_its_figures),
	};

	return cmocka_run_group_tests_name("config_env", tests, make_directory, remove_directory);
}
