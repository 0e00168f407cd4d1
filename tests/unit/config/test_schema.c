/* SPDX-License-Identifier: Apache-2.0 */
/* schema: what telltale.schema.json says of the configuration is what the parser takes. */
#include "tests/unit/support/configuring.h"

#include <inttypes.h>
#include <json-c/json.h>

#define SCHEMA "scripts/deploy/telltale.schema.json"

/* A mapping of the configuration: how a text with it begins and ends, and its name in errors. */
struct place {
	char before[256], after[64], name[128];
};

/* What the parser has to say of a text with INSIDE as the mapping at P. */
static char *complaints(const struct place *p, const char *inside)
{
	char text[512], *said = NULL;
	struct config *c = NULL;
	size_t len;
	FILE *errors = open_memstream(&said, &len);

	snprintf(text, sizeof(text), "%s{%s}%s\n", p->before, inside, p->after);
	config_load_text("t.yaml", text, strlen(text), NULL, errors, &c);
	config_free(c);
	assert_int_equal(fclose(errors), 0);
	return said;
}

static void name_of(const struct place *p, const char *key, char *name, size_t len)
{
	snprintf(name, len, "%.64s%s%.40s", p->name, *p->name ? "." : "", key);
}

/* Does the parser take VALUE for KEY? What it has to say of other keys does not matter. */
static bool takes(const struct place *p, const char *key, const char *value)
{
	char inside[256], begin[160], *said;
	bool takes;

	snprintf(inside, sizeof(inside), "%s: %s", key, value);
	name_of(p, key, begin + 1, sizeof(begin) - 2);
	begin[0] = ' ';
	strcat(begin, ":");
	said = complaints(p, inside);
	takes = !strstr(said, begin);
	free(said);
	return takes;
}

static void must(bool holds, const struct place *p, const char *key, const char *value,
		 const char *what)
{
	if (!holds)
		fail_msg("%s.%s: %s %s", p->name, key, value, what);
}

/* --- keys -------------------------------------------------------------------------------- */

/* The keys that the parser names when it meets one that it does not know. */
static void keys_are_the_parsers(struct json_object *object, const struct place *p)
{
	struct json_object *properties = json_object_object_get(object, "properties");
	char *said = complaints(p, "zzzz: 1"), *list, *key, *rest;
	int n = 0;

	list = strstr(said, "known: ");
	assert_non_null(list);
	list += strlen("known: ");
	list[strcspn(list, ")\n")] = '\0';
	for (rest = list; (key = strsep(&rest, ", ")); n += *key != '\0') {
		if (*key && !json_object_object_get_ex(properties, key, NULL))
			fail_msg("%s.%s is not in " SCHEMA, p->name, key);
	}
	if (n != json_object_object_length(properties))
		fail_msg("%s: " SCHEMA " has keys that the parser has not: %s", p->name, list);
	free(said);
}

static bool is_required(struct json_object *object, const char *key)
{
	struct json_object *list = json_object_object_get(object, "required");

	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		if (!strcmp(json_object_get_string(json_object_array_get_idx(list, i)), key))
			return true;
	}
	return false;
}

static void required_keys_are_the_parsers(struct json_object *object, const struct place *p)
{
	struct json_object *properties = json_object_object_get(object, "properties");
	char *said = complaints(p, ""), *line, *rest = said, begin[160];

	snprintf(begin, sizeof(begin), " %s: ", p->name);
	while ((line = strsep(&rest, "\n"))) {
		if (!*p->name || !strstr(line, begin))
			continue;
		json_object_object_foreach(properties, key, value)
		{
			char wanted[64];

			(void)value;
			snprintf(wanted, sizeof(wanted), "has no '%s'", key);
			if (strstr(line, wanted) && !is_required(object, key))
				fail_msg("%s.%s is required, and not in " SCHEMA, p->name, key);
		}
	}
	free(said);
}

/* --- values ------------------------------------------------------------------------------ */

static void values_are_the_parsers(const struct place *p, const char *key, struct json_object *list,
				   bool closed)
{
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *value = json_object_array_get_idx(list, i);
		const char *text = json_object_to_json_string(value);

		must(takes(p, key, text), p, key, text, "is refused");
	}
	if (list && closed)
		must(!takes(p, key, "zzzz"), p, key, "zzzz", "is accepted");
}

static void bound_is_the_parsers(const struct place *p, const char *key, struct json_object *bound,
				 int64_t beyond)
{
	char inside[32], outside[32];

	if (!json_object_is_type(bound, json_type_int))
		return;
	snprintf(inside, sizeof(inside), "%" PRId64, json_object_get_int64(bound));
	snprintf(outside, sizeof(outside), "%" PRId64, json_object_get_int64(bound) + beyond);
	must(takes(p, key, inside), p, key, inside, "is refused");
	must(!takes(p, key, outside), p, key, outside, "is accepted");
}

static void check_value(const struct place *p, const char *key, struct json_object *value)
{
	const char *type = json_object_get_string(json_object_object_get(value, "type"));
	static const char wrong[] = "[a]";

	values_are_the_parsers(p, key, json_object_object_get(value, "enum"), true);
	values_are_the_parsers(p, key, json_object_object_get(value, "examples"), false);
	if (type && !strcmp(type, "integer")) {
		bound_is_the_parsers(p, key, json_object_object_get(value, "minimum"), -1);
		bound_is_the_parsers(p, key, json_object_object_get(value, "maximum"), 1);
	}
	if (!type || strcmp(type, "object") != 0)
		must(!takes(p, key, wrong), p, key, wrong, "is accepted");
	if (type && !strcmp(type, "boolean"))
		must(takes(p, key, "true") && !takes(p, key, "yes"), p, key, "true", "is refused");
}

/* --- from the root down ------------------------------------------------------------------ */

static void check_object(struct json_object *object, const struct place *p);

/* The mapping, or the items that are mappings, that VALUE may be; NULL: none. */
static struct json_object *mapping_of(struct json_object *value, bool *list)
{
	struct json_object *items = json_object_object_get(value, "items");
	struct json_object *one = json_object_object_get(value, "oneOf");

	*list = items != NULL;
	if (items)
		value = items;
	else if (one)
		value = json_object_array_get_idx(one, json_object_array_length(one) - 1);
	return json_object_object_get_ex(value, "properties", NULL) ? value : NULL;
}

static void check_key(const struct place *p, const char *key, struct json_object *value)
{
	struct place below;
	struct json_object *mapping;
	bool list;

	mapping = mapping_of(value, &list);
	if (!mapping) {
		check_value(p, key, value);
		return;
	}
	snprintf(below.before, sizeof(below.before), "%.160s{%.40s: %s", p->before, key,
		 list ? "[" : "");
	snprintf(below.after, sizeof(below.after), "%s}%.48s", list ? "]" : "", p->after);
	name_of(p, key, below.name, sizeof(below.name));
	if (list)
		strcat(below.name, ".0");
	check_object(mapping, &below);
}

static void check_object(struct json_object *object, const struct place *p)
{
	struct json_object *properties = json_object_object_get(object, "properties");

	assert_false(
		json_object_get_boolean(json_object_object_get(object, "additionalProperties")));
	keys_are_the_parsers(object, p);
	required_keys_are_the_parsers(object, p);
	json_object_object_foreach(properties, key, value) check_key(p, key, value);
}

static void the_schema_says_what_the_parser_takes(void **state)
{
	static const struct place root = {"", "", ""};
	struct json_object *schema = json_object_from_file(SCHEMA);

	(void)state;
	assert_non_null(schema);
	check_object(schema, &root);
	json_object_put(schema);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_schema_says_what_the_parser_takes),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
