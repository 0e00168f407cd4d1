/* SPDX-License-Identifier: Apache-2.0 */
/* test_config_networks.c - testnet and livenet are kept apart, and OpenTelemetry's variables choose
 * the form of exports.
 */
#include "tests/unit/support/configuring.h"

static void testnet_and_livenet_are_kept_apart(void **state)
{
#define AT(network) "endpoints: [{url: 'http://c:1', audience: network, network: " network "}]\n"
#define LIVE        "enabled: true\nnetwork: livenet\n"
	static const struct {
		const char *file, *variable, *errors; /* NULL: accepted */
	} table[] = {
		{"enabled: true\n" AT("testnet"), NULL, NULL},
		{LIVE AT("livenet"), NULL, NULL},
		{"enabled: true\n" AT("livenet"), NULL,
		 "t.yaml:2:1: endpoint http://c:1 belongs to livenet, and this node is on testnet"},
		{LIVE AT("testnet"), NULL,
		 "t.yaml:3:1: endpoint http://c:1 belongs to testnet, and this node is on livenet"},
		{LIVE "endpoints: [{url: 'http://c:1', audience: network}]\n", NULL,
		 "belongs to testnet by default, and this node is on livenet; write "
		 "`network: livenet`"},
		/* An endpoint of the operator's own takes both networks, unless the file says that
		 * it is for one. */
		{LIVE "endpoints: [{url: 'http://c:1', audience: own}]\n", NULL, NULL},
		{LIVE "endpoints: [{url: 'http://c:1', audience: own, network: testnet}]\n", NULL,
		 "belongs to testnet, and this node is on livenet"},
		/* Rafiki's list belongs to the network that Rafiki's LIVENET names. */
		{LIVE, "OPEN_TELEMETRY_COLLECTOR_URLS=http://c:1",
		 "environment: OPEN_TELEMETRY_COLLECTOR_URLS: endpoint http://c:1 belongs to "
		 "testnet"},
		{LIVE, "OTEL_EXPORTER_OTLP_ENDPOINT=http://c:1", NULL},
		{LIVE AT("livenet"), "OTEL_EXPORTER_OTLP_ENDPOINT=http://d:1", NULL},
		/* An endpoint of the operator's own beside it does not change the other one's
		 * network. */
		{LIVE "endpoints: [{url: 'http://o:1', audience: own},\n"
		      "  {url: 'http://c:1', audience: network, network: livenet}]\n",
		 "OTEL_EXPORTER_OTLP_ENDPOINT=http://d:1", NULL},
		{LIVE "endpoints: [{url: 'http://o:1', audience: own},\n"
		      "  {url: 'http://c:1', audience: network}]\n",
		 "OTEL_EXPORTER_OTLP_ENDPOINT=http://d:1",
		 "environment: OTEL_EXPORTER_OTLP_ENDPOINT: endpoint http://d:1 belongs to "
		 "testnet"},
		{"livenet_enabled: true\n", NULL,
		 "t.yaml:1:1: `livenet_enabled: true` opts in to livenet, and this node is on "
		 "testnet"},
		{"livenet_enabled: true\n", "LIVENET=true", NULL},
		{"livenet_enabled: true\n", "LIVENET=false", "is on testnet"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char setting[128], *errors;
		struct config *c;
		int err;

		snprintf(setting, sizeof(setting), "%s",
			 table[i].variable ? table[i].variable : "");
		err = load_env(table[i].file, ENV(setting), &c, &errors);
		if (err != (table[i].errors ? -EINVAL : 0) ||
		    (table[i].errors && !strstr(errors, table[i].errors))) {
			print_error("%s with %s: expected \"%s\", got: %s\n", table[i].file,
				    setting, table[i].errors ? table[i].errors : "no error",
				    errors);
			fail();
		}
		free(errors);
		config_free(c);
	}
}

static void opentelemetrys_variables_choose_the_form_of_exports(void **state)
{
	static const char two[] = "endpoints:\n  - {url: 'http://a', audience: network}\n"
				  "  - {url: 'http://b', audience: own, timeout: 2s}\n";
	static const char aggregation[] =
		"OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION="
		"base2_exponential_bucket_histogram";
	char setting[160];
	struct config *c;

	(void)state;
	snprintf(setting, sizeof(setting), "%s", aggregation);
	c = right(two, ENV(setting, "OTEL_METRIC_EXPORT_TIMEOUT=3000",
			   "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_METRICS_EXPORTER=otlp"));
	assert_false(c->endpoints[0].exponential); /* the network always gets explicit buckets */
	assert_true(c->endpoints[1].exponential);
	assert_int_equal(c->endpoints[0].timeout_ms, 3000);
	assert_int_equal(c->endpoints[1].timeout_ms, 2000);
	config_free(c);
	c = right(two, ENV("OTEL_METRICS_EXPORTER=none"));
	assert_int_equal(c->endpoints_len, 0);
	config_free(c);
	c = right("enabled: true\n", ENV("OTEL_SDK_DISABLED=true"));
	assert_contains(config_consent(c), "OTEL_SDK_DISABLED=true");
	config_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(testnet_and_livenet_are_kept_apart),
		cmocka_unit_test(opentelemetrys_variables_choose_the_form_of_exports),
	};

	return cmocka_run_group_tests_name("config_networks", tests, make_directory,
					   remove_directory);
}
