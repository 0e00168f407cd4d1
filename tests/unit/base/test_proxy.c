/* SPDX-License-Identifier: Apache-2.0 */
/* Which proxy of the environment is used, and for what never. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/proxy.h"

static const char *const all[] = {
	"grpc_proxy", "https_proxy",   "HTTPS_PROXY", "http_proxy", "HTTP_PROXY",
	"all_proxy",  "no_grpc_proxy", "no_proxy",    "NO_PROXY",   "ALL_PROXY",
};

static int start_clean(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		unsetenv(all[i]);
	return 0;
}

static bool through(enum proxy_client client, const char *host)
{
	struct proxy p;

	return proxy_find(client, host, "4317", &p);
}

static void loopback_is_never_reached_through_a_proxy(void **state)
{
	static const char *const hosts[] = {"localhost", "LOCALHOST.",      "a.localhost",
					    "127.0.0.1", "127.9.8.7",       "::1",
					    "[::1]",     "::ffff:127.0.0.1"};
	struct proxy p;

	(void)state;
	setenv("grpc_proxy", "http://proxy:3128", 1);
	setenv("http_proxy", "http://proxy:3128", 1);
	setenv("https_proxy", "http://proxy:3128", 1);
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		assert_false(through(PROXY_GRPC, hosts[i]));
		assert_false(through(PROXY_HTTP, hosts[i]));
		assert_false(through(PROXY_HTTPS, hosts[i]));
	}
	assert_false(proxy_find_for_url("http://127.0.0.1:8080/rates.json", &p));
	assert_true(through(PROXY_GRPC, "localhost.example"));
	assert_true(through(PROXY_GRPC, "128.0.0.1"));
}

static void exceptions_are_names_addresses_networks_and_the_star(void **state)
{
	static const struct {
		const char *list, *host;
		bool excepted;
	} rows[] = {
		{"*", "collector.example", true},
		{"a.example, *", "collector.example", true},
		{"collector.example", "collector.example", true},
		{"collector.example", "COLLECTOR.example.", true},
		{"example", "collector.example", true},
		{".example", "collector.example", true},
		{"*.example", "collector.example", true},
		{"other.example,example", "collector.example", true},
		{"other.example example", "collector.example", true},
		{"collector.example:4317", "collector.example", true},
		{"collector.example:4318", "collector.example", false},
		{"lector.example", "collector.example", false},
		{"10.0.0.0/8", "10.1.2.3", true},
		{"10.0.0.0/8", "11.1.2.3", false},
		{"192.168.4.0/22", "192.168.7.255", true},
		{"192.168.4.0/22", "192.168.8.0", false},
		{"10.1.2.3", "10.1.2.3", true},
		{"0.0.0.0/0", "10.1.2.3", true},
		{"0.0.0.0/0", "2001:db8::1", false},
		{"2001:db8::/32", "[2001:db8::1]", true},
		{"[2001:db8::1]:4317", "2001:db8::1", true},
		{"10.0.0.0/x,10.0.0.0/,10.0.0.0/129", "10.0.0.1", false},
		{"10.0.0.0/33", "10.0.0.0", false},
		{",, ,", "collector.example", false},
	};

	(void)state;
	setenv("https_proxy", "http://proxy:3128", 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		setenv("no_proxy", rows[i].list, 1);
		if (through(PROXY_HTTPS, rows[i].host) == rows[i].excepted)
			fail_msg("no_proxy=%s and %s", rows[i].list, rows[i].host);
		unsetenv("no_proxy");
		setenv("NO_PROXY", rows[i].list, 1);
		assert_int_equal(through(PROXY_HTTPS, rows[i].host), !rows[i].excepted);
		unsetenv("NO_PROXY");
	}
	/* gRPC leaves its proxy out for any end of a name. */
	setenv("no_proxy", "lector.example", 1);
	assert_false(through(PROXY_GRPC, "collector.example"));
}

static void the_variable_that_counts_is_named_and_its_secret_is_not(void **state)
{
	struct proxy p;

	(void)state;
	setenv("HTTPS_PROXY", "http://user:secret@proxy:3128", 1);
	assert_true(proxy_find(PROXY_GRPC, "collector.example", "4317", &p));
	assert_string_equal(p.variable, "HTTPS_PROXY");
	assert_string_equal(p.url, "http://user:secret@proxy:3128");
	assert_null(strstr(p.shown, "secret"));
	setenv("grpc_proxy", "other:1", 1);
	assert_true(proxy_find(PROXY_GRPC, "collector.example", "4317", &p));
	assert_string_equal(p.variable, "grpc_proxy");
	assert_string_equal(p.url, "http://other:1");
	/* gRPC speaks to http:// proxies only: it says why it does not use this one. */
	setenv("grpc_proxy", "socks5://other:1", 1);
	assert_false(proxy_find(PROXY_GRPC, "collector.example", "4317", &p));
	assert_string_equal(p.variable, "grpc_proxy");
	/* A client's header can set this one. */
	start_clean(NULL);
	setenv("HTTP_PROXY", "http://proxy:3128", 1);
	assert_false(proxy_find_for_url("http://rates.example/", &p));
	assert_null(p.variable);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(loopback_is_never_reached_through_a_proxy, start_clean),
		cmocka_unit_test_setup(exceptions_are_names_addresses_networks_and_the_star,
				       start_clean),
		cmocka_unit_test_setup(the_variable_that_counts_is_named_and_its_secret_is_not,
				       start_clean),
	};

	return cmocka_run_group_tests_name("proxy", tests, NULL, NULL);
}
