/* SPDX-License-Identifier: Apache-2.0 */
/* What a reload takes, and what only a restart can change. */
#include "tests/unit/support/configuring.h"

#include "daemon/reload.h"

#define BASE                                                                                       \
	"targets: [{unit: a.service}]\nlisten: unix:/run/p\nlisten_group: adm\n"                   \
	"listen_token: /t\nstate_dir: /s\nrun_dir: /r\ninstance: i\n"                              \
	"payments: {idle: 30s, max: 10m}\ntls_connections: 100\ncardinality_limit: 100\n"          \
	"profile: {columns: false, peers: 8, dependencies: [{name: db, port: 3000}], "             \
	"traces: {key_file: /k, sample: 0.5}}\n"                                                   \
	"privacy: {mechanism: continual, epsilon: 1, day_clip: 7, hour_clip: 5, packet_clip: 3,"   \
	" min_bucket: 1, max_bucket: 2, min_value: 1, max_value: 2, rounding: published}\n"

/* BASE with the first FROM in it replaced by TO. */
static struct config *changed(const char *from, const char *to)
{
	const char *at = strstr(BASE, from);
	char text[1024];

	assert_non_null(at);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - BASE), BASE, to, at + strlen(from));
	return right(text, NULL);
}

static void what_only_a_restart_can_change_is_named(void **state)
{
	static const char *const rows[][3] = {
		{"a.service", "b.service", "targets"},
		{"unit: a.service", "cgroup: /a", "targets"},
		{"{unit: a.service}", "{unit: a.service, forwards: never}", "targets"},
		{"{unit: a.service}", "{unit: a.service}, {unit: b.service}", "targets"},
		{"instance: i", "instance: j", "instance"},
		{"unix:/run/p", "unix:/run/q", "listen"},
		{"listen: unix:/run/p", "listen: none", "listen"},
		{"adm", "mail", "listen_group"},
		{"listen_group: adm\n", "", "listen_group"},
		{"/t", "/u", "listen_token"},
		{"idle: 30s", "idle: 31s", "payments"},
		{"max: 10m", "max: 11m", "payments"},
		{"tls_connections: 100", "tls_connections: 101", "tls_connections"},
		{"columns: false", "columns: true", "profile"},
		{"peers: 8", "peers: 9", "profile"},
		{"key_file: /k", "key_file: /l", "profile"},
		{"sample: 0.5", "sample: 0.25", "profile"},
		{"name: db", "name: dc", "profile"},
		{"port: 3000", "port: 3001", "profile"},
		{"{name: db, port: 3000}", "", "profile"},
		{"cardinality_limit: 100", "cardinality_limit: 101", "cardinality_limit"},
		{"/s", "/z", "state_dir"},
		{"/r\n", "/z\n", "run_dir"},
		{"continual", "bucket-laplace", "privacy"},
		{"epsilon: 1", "epsilon: 1.001", "privacy"},
		{"day_clip: 7", "day_clip: 8", "privacy"},
		{"hour_clip: 5", "hour_clip: 6", "privacy"},
		{"packet_clip: 3", "packet_clip: 4", "privacy"},
		{"max_bucket: 2", "max_bucket: 3", "privacy"},
		{"max_value: 2", "max_value: 3", "privacy"},
		{"published", "unbiased", "privacy"},
	};
	struct config *base = right(BASE, NULL), *other;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *key;

		other = changed(rows[i][0], rows[i][1]);
		key = reload_needs_restart(base, other);
		if (!key || strcmp(key, rows[i][2]) != 0)
			fail_msg("%s -> %s: %s", rows[i][0], rows[i][1], key ? key : "nothing");
		config_free(other);
	}
	config_free(base);
}

static void peers_rates_and_endpoints_need_no_restart(void **state)
{
	struct config *base = right(BASE, NULL);
	struct config *other =
		right(BASE "peers: [{endpoint: h/, asset: {code: EUR, scale: 2}}]\n"
			   "default_asset: {code: USD, scale: 2}\nrates: {operator: /r.json}\n" EP
			   "export_interval: 20s\nresource: {a: b}\n",
		      NULL);

	(void)state;
	assert_null(reload_needs_restart(base, other));
	assert_null(reload_needs_restart(base, base));
	config_free(other);
	config_free(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_only_a_restart_can_change_is_named),
		cmocka_unit_test(peers_rates_and_endpoints_need_no_restart),
	};

	return cmocka_run_group_tests_name("reload", tests, make_directory, remove_directory);
}
