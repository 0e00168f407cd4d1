/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config.h"
#include "exchange/peers.h"
#include "cmd/peers_yaml.h"

#define USD                                                                                        \
	{                                                                                          \
		"USD", 2                                                                           \
	}
#define EUR                                                                                        \
	{                                                                                          \
		"EUR", 4                                                                           \
	}

static const struct asset usd = USD, eur = EUR;

/* one.example tells two assets apart by token; two.example has one, without token. */
static const struct peer configured[] = {
	{.endpoint = "one.example/ilp", .has_token = true, .token = 11, .asset = USD},
	{.endpoint = "one.example/ilp", .has_token = true, .token = 12, .asset = EUR},
	{.endpoint = "two.example/", .asset = EUR},
	{.endpoint = "three.example:3002/ilp", .has_token = true, .token = 13, .asset = USD},
	{.endpoint = "four.example/ilp", .has_token = true, .token = 13, .asset = EUR},
	{.endpoint = "own.example/", .asset = EUR},
};

#define CONFIGURED_LEN (sizeof(configured) / sizeof(configured[0]))

static const struct asset mxn = {"MXN", 9};

static struct peers *new_peers(size_t capacity)
{
	return peers_new(configured, CONFIGURED_LEN, NULL, capacity);
}

static struct peers *new_peers_with_default(size_t capacity)
{
	return peers_new(configured, CONFIGURED_LEN, &mxn, capacity);
}

static void see_tap(struct peers *p, uint64_t endpoint, uint64_t token, const char *host,
		    const char *path, uint8_t role)
{
	struct record_endpoint record = {
		.head = {.len = sizeof(record), .type = RECORD_ENDPOINT, .role = role},
		.endpoint = endpoint,
		.token = token,
		.host_len = (uint16_t)strlen(host),
		.path_len = (uint16_t)strlen(path),
	};

	memcpy(record.host, host, strlen(host));
	memcpy(record.path, path, strlen(path));
	peers_endpoint(p, &record);
}

static void see(struct peers *p, uint64_t endpoint, const char *host, const char *path)
{
	see_tap(p, endpoint, 0, host, path, RECORD_ROLE_CLIENT);
}

/* The asset of an exchange; an empty code when there is none. */
static struct asset attribute(struct peers *p, uint64_t endpoint, uint64_t token, uint8_t role)
{
	struct exchange e = {.role = role, .endpoint = endpoint, .token = token};
	bool known = peers_attribute(p, &e);

	assert_int_equal(known, e.asset.code[0] != '\0');
	return e.asset;
}

static void assert_asset(struct asset found, const struct asset *expected)
{
	assert_string_equal(found.code, expected ? expected->code : "");
	if (expected)
		assert_int_equal(found.scale, expected->scale);
}

#define CLIENT RECORD_ROLE_CLIENT
#define SERVER RECORD_ROLE_SERVER

static void two_assets_behind_one_endpoint_are_told_apart_by_token(void **state)
{
	struct peers *p = new_peers(16);

	(void)state;
	see(p, 100, "one.example", "/ilp");
	assert_asset(attribute(p, 100, 11, CLIENT), &usd);
	assert_asset(attribute(p, 100, 12, CLIENT), &eur);
	peers_free(p);
}

static void an_unknown_token_at_a_known_endpoint_is_not_guessed(void **state)
{
	struct peers *p = new_peers(16);

	(void)state;
	see(p, 100, "one.example", "/ilp");
	assert_asset(attribute(p, 100, 99, CLIENT), NULL);
	assert_asset(attribute(p, 100, 0, CLIENT), NULL);
	peers_free(p);
}

static void a_peer_without_token_is_known_by_its_endpoint(void **state)
{
	struct peers *p = new_peers(16);

	(void)state;
	see(p, 200, "two.example", "/");
	assert_asset(attribute(p, 200, 0, CLIENT), &eur);
	assert_asset(attribute(p, 200, 99, CLIENT), &eur);
	/* Another peer's token does not outweigh the endpoint that was called. */
	assert_asset(attribute(p, 200, 11, CLIENT), &eur);
	peers_free(p);
}

static void an_endpoint_matches_exactly(void **state)
{
	struct peers *p = new_peers(16);

	(void)state;
	see(p, 1, "two.example", "/ilp");
	assert_asset(attribute(p, 1, 0, CLIENT), NULL);
	see(p, 2, "one.example", "/ilp/");
	assert_asset(attribute(p, 2, 0, CLIENT), NULL);
	see(p, 3, "two.example:8080", "/");
	assert_asset(attribute(p, 3, 0, CLIENT), NULL);
	peers_free(p);
}

static void host_case_default_port_and_query_do_not_matter(void **state)
{
	static const struct {
		const char *host, *path;
	} same[] = {{"TWO.Example", "/"},
		    {"two.example:443", "/"},
		    {"two.example:80", "/"},
		    {"two.example.", "/"},
		    {"two.example", ""},
		    {"two.example", "/?x=1"},
		    {"two.example", "http://two.example/"}};
	struct peers *p = new_peers(16);

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		see(p, i + 1, same[i].host, same[i].path);
		assert_asset(attribute(p, i + 1, 0, CLIENT), &eur);
	}
	see(p, 50, "Three.example:3002", "/ilp");
	assert_asset(attribute(p, 50, 13, CLIENT), &usd);
	peers_free(p);
}

static void an_exchange_whose_endpoint_record_was_lost_is_known_by_its_token(void **state)
{
	struct peers *p = new_peers(16);

	(void)state;
	assert_asset(attribute(p, 777, 11, CLIENT), &usd);
	assert_asset(attribute(p, 777, 12, SERVER), &eur);
	assert_asset(attribute(p, 0, 12, CLIENT), &eur);
	/* Two peers in different assets have this one. */
	assert_asset(attribute(p, 777, 13, CLIENT), NULL);
	peers_free(p);
}

static void an_incoming_exchange_is_known_by_its_token_before_the_own_endpoint(void **state)
{
	struct peers *p = new_peers(16);

	(void)state;
	see_tap(p, 300, 11, "own.example", "/", SERVER);
	assert_asset(attribute(p, 300, 11, SERVER), &usd);
	assert_asset(attribute(p, 300, 99, SERVER), &eur);
	assert_asset(attribute(p, 300, 11, CLIENT), &eur);
	peers_free(p);
}

static void the_default_asset_is_last(void **state)
{
	struct peers *p = new_peers_with_default(16);

	(void)state;
	see(p, 100, "one.example", "/ilp");
	assert_asset(attribute(p, 100, 11, CLIENT), &usd);
	assert_asset(attribute(p, 777, 12, CLIENT), &eur);
	assert_asset(attribute(p, 100, 99, CLIENT), &mxn);
	assert_asset(attribute(p, 0, 0, CLIENT), &mxn);
	peers_free(p);
}

static void without_any_peer_nothing_is_attributed(void **state)
{
	struct peers *p = peers_new(NULL, 0, NULL, 0);

	(void)state;
	see(p, 1, "h", "/");
	assert_asset(attribute(p, 1, 1, CLIENT), NULL);
	peers_free(p);
}

static void each_token_at_an_endpoint_is_listed_once(void **state)
{
	struct peers *p = new_peers_with_default(16);
	struct peer_seen seen[16];

	(void)state;
	see_tap(p, 100, 11, "One.Example:443", "/ilp", CLIENT);
	see_tap(p, 100, 11, "One.Example:443", "/ilp", CLIENT);
	attribute(p, 100, 11, CLIENT);
	attribute(p, 100, 99, CLIENT);
	attribute(p, 555, 12, CLIENT); /* no text for it: nothing to show yet */
	assert_int_equal(peers_seen(p, seen, 16), 2);
	assert_string_equal(seen[0].host, "one.example");
	assert_string_equal(seen[0].path, "/ilp");
	assert_true(seen[0].token == 11);
	assert_int_equal(seen[0].role, CLIENT);
	assert_int_equal(seen[0].by, PEERS_BY_BOTH);
	assert_asset(seen[0].asset, &usd);
	assert_true(seen[1].token == 99);
	assert_int_equal(seen[1].by, PEERS_BY_DEFAULT);
	assert_int_equal(peers_seen(p, seen, 1), 1);
	peers_free(p);
}

static void junk_hosts_do_not_push_out_what_is_configured(void **state)
{
	struct peers *p = new_peers(4);
	struct peer_seen seen[8];
	char host[32];

	(void)state;
	see(p, 100, "one.example", "/ilp");
	see(p, 200, "two.example", "/");
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(host, sizeof(host), "junk%u", i);
		see_tap(p, 1000 + i, i, host, "/", SERVER);
	}
	assert_asset(attribute(p, 100, 11, CLIENT), &usd);
	assert_asset(attribute(p, 200, 0, CLIENT), &eur);
	assert_true(peers_evicted(p) >= 1000 - 2);
	assert_true(peers_seen(p, seen, 8) <= 4);
	/* And they are shown again with their next exchange. */
	assert_string_equal(seen[peers_seen(p, seen, 8) - 1].host, "two.example");
	peers_free(p);
}

static void a_table_full_of_configured_endpoints_keeps_them_and_counts_the_rest(void **state)
{
	struct peers *p = new_peers(2);

	(void)state;
	see(p, 100, "one.example", "/ilp");
	see(p, 200, "two.example", "/");
	see(p, 300, "three.example:3002", "/ilp");
	assert_asset(attribute(p, 100, 12, CLIENT), &eur);
	assert_asset(attribute(p, 200, 0, CLIENT), &eur);
	assert_true(peers_evicted(p) >= 1);
	peers_free(p);
}

static void bytes_of_the_wire_are_shown_printable(void **state)
{
	struct peers *p = new_peers(4);
	struct record_endpoint record = {.endpoint = 5, .host_len = 60000, .path_len = 60000};
	struct peer_seen seen[4];

	(void)state;
	memset(record.host, 0xff, sizeof(record.host));
	memset(record.path, '\033', sizeof(record.path));
	peers_endpoint(p, &record);
	assert_int_equal(peers_seen(p, seen, 4), 1);
	assert_int_equal(strlen(seen[0].host), RECORD_HOST_MAX);
	assert_int_equal(strspn(seen[0].host, "?"), RECORD_HOST_MAX);
	assert_int_equal(strspn(seen[0].path, "?"), RECORD_PATH_MAX);
	peers_free(p);
}

/* --- telltale peers ---------------------------------------------------------------------- */

static char *yaml_of(const char *json)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_int_equal(peers_yaml_answer(json, strlen(json), out), 0);
	fclose(out);
	return text;
}

static void the_daemons_answer_prints_as_items_to_paste(void **state)
{
	struct peers *p = new_peers(16);
	char *json, *yaml;

	(void)state;
	see_tap(p, 100, 11, "one.example", "/ilp", CLIENT);
	see_tap(p, 101, 0, "new.example", "/a", CLIENT);
	see_tap(p, 102, 99, "me.example", "/", SERVER);
	json = peers_json(p);
	assert_string_equal(
		json,
		"{\"peers\":[{\"role\":\"client\",\"endpoint\":\"one.example/ilp\",\"token\":"
		"\"000000000000000b\",\"asset\":{\"code\":\"USD\",\"scale\":2},\"by\":\"endpoint "
		"and token\"},{\"role\":\"client\",\"endpoint\":\"new.example/a\",\"token\":null,"
		"\"asset\":null,\"by\":null},{\"role\":\"server\",\"endpoint\":\"me.example/\","
		"\"token\":\"0000000000000063\",\"asset\":null,\"by\":null}]}");
	yaml = yaml_of(json);
	assert_string_equal(yaml,
			    "  - endpoint: one.example/ilp\n"
			    "    token: 000000000000000b\n"
			    "    asset: {code: USD, scale: 2}\n"
			    "  - endpoint: new.example/a\n"
			    "    asset: {code: ?, scale: ?}  # fill in\n"
			    "  - endpoint: me.example/\n"
			    "    token: 0000000000000063\n"
			    "    asset: {code: ?, scale: ?}  # incoming: fill in the asset of "
			    "the peer with this token\n");
	free(json);
	free(yaml);
	peers_free(p);
}

static void an_answer_that_is_none_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{\"peers\": 1}",
		"{\"peers\": [{\"role\": \"client\"}]}",
		"{\"peers\": [{\"endpoint\": \"h/\", \"asset\": {\"code\": \"USD\"}}]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(peers_yaml_answer(bad[i], strlen(bad[i]), stderr), -EBADMSG);
}

/* A reload: the kernel does not send again what it has sent. */
static void another_list_is_held_against_what_was_seen(void **state)
{
	static const struct peer list[] = {
		{.endpoint = "new.example/", .asset = USD},
		{.endpoint = "two.example/", .asset = USD},
	};
	struct peers *p = new_peers(8);
	struct exchange at_new = {.endpoint = 1, .role = RECORD_ROLE_CLIENT},
			at_two = {.endpoint = 2, .role = RECORD_ROLE_CLIENT};
	struct peer_seen seen[8];

	(void)state;
	see_tap(p, 1, 7, "NEW.example:80", "/", RECORD_ROLE_CLIENT);
	see_tap(p, 2, 0, "two.example", "/", RECORD_ROLE_CLIENT);
	assert_false(peers_attribute(p, &at_new));
	assert_true(peers_attribute(p, &at_two));
	assert_string_equal(at_two.asset.code, "EUR");
	assert_int_equal(peers_change(p, list, 2, &mxn), 0);
	assert_true(peers_attribute(p, &at_new));
	assert_string_equal(at_new.asset.code, "USD");
	assert_true(peers_attribute(p, &at_two));
	assert_string_equal(at_two.asset.code, "USD");
	assert_true(peers_seen(p, seen, 8) >= 2);
	assert_int_equal(seen[0].endpoint, 1);
	assert_int_equal(seen[0].token, 7);
	peers_free(p);
}

/* --- telltale peers import --------------------------------------------------------------- */

static const struct hostkey key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};

static int import(const char *json, char **yaml, char **errors)
{
	size_t yaml_len, errors_len;
	FILE *out = open_memstream(yaml, &yaml_len), *err = open_memstream(errors, &errors_len);
	int result = peers_yaml_import(json, strlen(json), "list.json", &key, out, err);

	fclose(out);
	fclose(err);
	return result;
}

#define NODE(name, endpoint, token, asset)                                                         \
	"{\"node\":{\"id\":\"1\",\"name\":\"" name "\",\"staticIlpAddress\":\"test.x\",\"asset\":" \
	"{" asset "},\"http\":{\"outgoing\":{\"endpoint\":\"" endpoint "\",\"authToken\":\"" token \
	"\"}}}}"
#define ANSWER(edges, more)                                                                        \
	"{\"data\":{\"peers\":{\"edges\":[" edges "],\"pageInfo\":{\"hasNextPage\":" more "}}}}\n"
#define JSON_USD "\"code\":\"USD\",\"scale\":2"

static void rafikis_peer_list_becomes_items_with_fingerprints(void **state)
{
	char token[] = "planted-secret-token", expected[512], *yaml, *errors;

	(void)state;
	assert_int_equal(
		import(ANSWER(NODE("Happy Life", "http://happy:3002/ilp", "planted-secret-token",
				   JSON_USD) "," NODE("b", "http://happy:3002/ilp", "other-planted",
						      "\"code\":\"EUR\",\"scale\":4"),
			      "false"),
		       &yaml, &errors),
		0);
	assert_string_equal(errors, "");
	snprintf(expected, sizeof(expected),
		 "  - name: \"Happy Life\"\n    endpoint: happy:3002/ilp\n    token: %016llx\n"
		 "    asset: {code: USD, scale: 2}\n"
		 "  - name: b\n    endpoint: happy:3002/ilp\n    token: %016llx\n"
		 "    asset: {code: EUR, scale: 4}\n",
		 (unsigned long long)hostkey_fingerprint(&key, token, strlen(token)),
		 (unsigned long long)hostkey_fingerprint(&key, "other-planted", 13));
	assert_string_equal(yaml, expected);
	assert_null(strstr(yaml, "planted"));
	free(yaml);
	free(errors);
}

static void a_plain_array_with_incoming_tokens_is_taken_too(void **state)
{
	char expected[512], *yaml, *errors;

	(void)state;
	assert_int_equal(import("[{\"name\": \"a\", \"endpoint\": \"https://a/\", \"token\": "
				"\"Bearer out\", \"incoming\": [\"in\"], \"asset\": {" JSON_USD
				"}}]",
				&yaml, &errors),
			 0);
	snprintf(expected, sizeof(expected),
		 "  - name: a\n    endpoint: a/\n    token: %016llx\n"
		 "    asset: {code: USD, scale: 2}\n"
		 "  - name: a\n    endpoint: a/\n    token: %016llx\n"
		 "    asset: {code: USD, scale: 2}  # its token on incoming requests\n",
		 (unsigned long long)hostkey_fingerprint(&key, "out", 3),
		 (unsigned long long)hostkey_fingerprint(&key, "in", 2));
	assert_string_equal(yaml, expected);
	free(yaml);
	free(errors);
}

static void what_is_imported_loads_as_configuration(void **state)
{
	char path[] = "/tmp/test_peers.XXXXXX", *yaml, *errors;
	int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w");
	struct config *c;

	(void)state;
	assert_int_equal(
		import(ANSWER(NODE("x", "http://h/ilp", "t", JSON_USD), "false"), &yaml, &errors),
		0);
	fprintf(file, "peers:\n%s", yaml);
	fclose(file);
	assert_int_equal(config_load(path, NULL, stderr, &c), 0);
	assert_true(c->peers[0].token == hostkey_fingerprint(&key, "t", 1));
	config_free(c);
	unlink(path);
	free(yaml);
	free(errors);
}

static void pages_are_taken_one_after_the_other_or_in_an_array(void **state)
{
	static const char *const all[] = {
		ANSWER(NODE("x", "http://h/ilp", "t", JSON_USD), "true")
			ANSWER(NODE("y", "http://i/ilp", "u", JSON_USD), "false"),
		"[" ANSWER(NODE("x", "http://h/ilp", "t", JSON_USD), "true") "," ANSWER(
			NODE("y", "http://i/ilp", "u", JSON_USD), "false") "]",
		"{\"peers\":{\"edges\":[" NODE("x", "http://h/ilp", "t", JSON_USD) "," NODE(
			"y", "http://i/ilp", "u", JSON_USD) "]}}",
		"{\"peers\":[{\"endpoint\":\"h/ilp\",\"asset\":{" JSON_USD
		"}},{\"endpoint\":\"i/ilp\",\"asset\":{" JSON_USD "}}]}",
	};
	char *yaml, *errors;

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		assert_int_equal(import(all[i], &yaml, &errors), 0);
		assert_string_equal(errors, "");
		assert_non_null(strstr(yaml, "endpoint: h/ilp"));
		assert_non_null(strstr(yaml, "endpoint: i/ilp"));
		free(yaml);
		free(errors);
	}
	/* The last one is missing. */
	assert_int_equal(
		import(ANSWER(NODE("x", "http://h/ilp", "t", JSON_USD), "true"), &yaml, &errors),
		0);
	assert_non_null(strstr(errors, "others follow it; ask for them with `after:`"));
	assert_non_null(strstr(yaml, "endpoint: h/ilp"));
	free(yaml);
	free(errors);
}

static void one_odd_peer_costs_no_other(void **state)
{
	static const char *const odd[][2] = {
		{"{\"node\":{\"name\":\"b\",\"asset\":{" JSON_USD "}}}",
		 "list.json: entry 2 (b): has no http.outgoing.endpoint; ask for"},
		{NODE("b", "http://b/", "b", "\"code\":\"ABCDEFGHIJKL\",\"scale\":2"),
		 "entry 2 (b): asset.code"},
		{NODE("b", "http://b/", "b", "\"code\":\"USD\",\"scale\":39"),
		 "entry 2 (b): asset.scale"},
		{"{\"endpoint\":\"c\",\"incoming\":[7],\"asset\":{" JSON_USD "}}",
		 "entry 2: incoming token 1 is not a text"},
		{"{\"endpoint\":\"c\",\"incoming\":1,\"asset\":{" JSON_USD "}}",
		 "entry 2: its incoming tokens are not an array"},
	};
	char json[2048], *yaml, *errors;

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		snprintf(json, sizeof(json), "[%s,%s,%s]", NODE("a", "http://a/", "t", JSON_USD),
			 odd[i][0], NODE("d", "http://d/", "u", JSON_USD));
		assert_int_equal(import(json, &yaml, &errors), -EINVAL);
		assert_non_null(strstr(errors, odd[i][1]));
		assert_non_null(strstr(yaml, "endpoint: a/"));
		assert_null(strstr(yaml, "endpoint: b/"));
		assert_non_null(strstr(yaml, "endpoint: d/"));
		free(yaml);
		free(errors);
	}
}

static void an_imported_entry_that_lacks_something_is_named_and_nothing_printed(void **state)
{
	static const struct {
		const char *json, *error;
	} bad[] = {
		{"", "list.json: not JSON at line 1, column 1: "},
		{"[1,\n x]", "list.json: not JSON at line 2, column 2: "},
		{"{}", "list.json: holds no peers; give the answer"},
		{"{\"errors\":[{\"message\":\"no such field\"}]}",
		 "refused the query: no such field"},
		{"[{\"endpoint\": \"h\"}]", "entry 1: has no asset.code; ask for"},
		{"[{\"endpoint\": \"h\", \"asset\": {\"code\": \"USD\"}}]", "has no asset.scale"},
		{"[{\"endpoint\": \"h\", \"asset\": {\"code\": \"U D\", \"scale\": 2}}]",
		 "asset.code: 'U D' is not an asset code"},
		{"[{\"endpoint\": \"h\", \"asset\": {\"code\": \"USD\", \"scale\": 256}}]",
		 "asset.scale: is out of range; 0 to 38"},
		{"[{\"endpoint\": \"h h\", \"asset\": {" JSON_USD "}}]",
		 "'h h' is not an endpoint"},
		{"[{\"endpoint\": \"h\", \"asset\": {" JSON_USD "}}, {\"endpoint\": \"h\", "
		 "\"asset\": {\"code\": \"EUR\", \"scale\": 2}}]",
		 "entry 2: has the same endpoint and token, or no token, as entry 1 but another "
		 "asset"},
		{"[7]", "entry 1: has no asset.code"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char *yaml, *errors;

		if (import(bad[i].json, &yaml, &errors) != -EINVAL ||
		    !strstr(errors, bad[i].error) || *yaml) {
			print_error("%s\nexpected \"%s\", got:\n%s%s\n", bad[i].json, bad[i].error,
				    errors, yaml);
			fail();
		}
		free(yaml);
		free(errors);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_assets_behind_one_endpoint_are_told_apart_by_token),
		cmocka_unit_test(an_unknown_token_at_a_known_endpoint_is_not_guessed),
		cmocka_unit_test(a_peer_without_token_is_known_by_its_endpoint),
		cmocka_unit_test(an_endpoint_matches_exactly),
		cmocka_unit_test(host_case_default_port_and_query_do_not_matter),
		cmocka_unit_test(an_exchange_whose_endpoint_record_was_lost_is_known_by_its_token),
		cmocka_unit_test(
			an_incoming_exchange_is_known_by_its_token_before_the_own_endpoint),
		cmocka_unit_test(the_default_asset_is_last),
		cmocka_unit_test(without_any_peer_nothing_is_attributed),
		cmocka_unit_test(each_token_at_an_endpoint_is_listed_once),
		cmocka_unit_test(junk_hosts_do_not_push_out_what_is_configured),
		cmocka_unit_test(
			a_table_full_of_configured_endpoints_keeps_them_and_counts_the_rest),
		cmocka_unit_test(bytes_of_the_wire_are_shown_printable),
		cmocka_unit_test(another_list_is_held_against_what_was_seen),
		cmocka_unit_test(the_daemons_answer_prints_as_items_to_paste),
		cmocka_unit_test(an_answer_that_is_none_is_refused),
		cmocka_unit_test(rafikis_peer_list_becomes_items_with_fingerprints),
		cmocka_unit_test(a_plain_array_with_incoming_tokens_is_taken_too),
		cmocka_unit_test(what_is_imported_loads_as_configuration),
		cmocka_unit_test(pages_are_taken_one_after_the_other_or_in_an_array),
		cmocka_unit_test(one_odd_peer_costs_no_other),
		cmocka_unit_test(
			an_imported_entry_that_lacks_something_is_named_and_nothing_printed),
	};

	return cmocka_run_group_tests_name("peers", tests, NULL, NULL);
}
