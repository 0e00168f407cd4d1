/* SPDX-License-Identifier: Apache-2.0 */
/* schema.c - the keys of the configuration file, from the root down. */
#include "config/schema.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/lists.h"
#include "config/notes.h"
#include "config/profiling.h"
#include "config/setters.h"
#include "config/text.h"
#include "config/url.h"
#include "config/walk.h"
#include "privacy/privacy.h"

/* --- rates, privacy, payments ------------------------------------------------------------ */

static void set_location(struct walk *w, yaml_node_t *value, const struct walk_key *key,
			 void *field)
{
	char why[CONFIG_WHY];
	const char *text = walk_text(w, value);
	int err = text ? config_parse_rates_location(text, why) : -EINVAL;

	(void)key;
	if (!err)
		walk_copy(w, value, field);
	else if (text)
		walk_refuse(w, value, err, why);
}

static const struct walk_key source_keys[] = {
	WALK_KEY("url", set_location, WALK_FIELD(rates_source_config, location), .required = true),
	WALK_KEY("lifetime", walk_set_duration, WALK_FIELD(rates_source_config, lifetime_ms),
		 .min = CONFIG_LIFETIME_MIN_MS, .max = CONFIG_LIFETIME_MAX_MS),
};
WALK_SCHEMA(source_schema, "a source of rates", source_keys);

static void set_source(struct walk *w, yaml_node_t *value, const struct walk_key *key, void *field)
{
	struct rates_source_config *source = field;
	size_t mark;

	if (value->type == YAML_MAPPING_NODE) {
		walk_mapping(w, value, &source_schema, source);
		return;
	}
	mark = walk_enter(w, "url");
	walk_note(w, value);
	walk_leave(w, mark);
	set_location(w, value, key, &source->location);
}

static const struct walk_key rates_keys[] = {
	WALK_KEY("operator", set_source, RATES_OPERATOR * sizeof(struct rates_source_config)),
	WALK_KEY("network", set_source, RATES_NETWORK * sizeof(struct rates_source_config)),
};
WALK_SCHEMA(rates_schema, "rates", rates_keys);

static void set_rates(struct walk *w, yaml_node_t *value, const struct walk_key *key, void *field)
{
	(void)key;
	walk_mapping(w, value, &rates_schema, field);
}

static void set_mechanism(struct walk *w, yaml_node_t *value, const struct walk_key *key,
			  void *field)
{
	const char *text = walk_text(w, value);

	(void)key;
	if (!text)
		return;
	if (!strcmp(text, privacy_mechanisms[PRIVACY_BUCKET_LAPLACE]))
		*(enum privacy_mechanism *)field = PRIVACY_BUCKET_LAPLACE;
	else if (!strcmp(text, privacy_mechanisms[PRIVACY_CONTINUAL]))
		*(enum privacy_mechanism *)field = PRIVACY_CONTINUAL;
	else
		walk_error(w, value, "%s: no mechanism '%.40s'; write bucket-laplace or continual",
			   w->path, text);
}

static void set_rounding(struct walk *w, yaml_node_t *value, const struct walk_key *key,
			 void *field)
{
	const char *text = walk_text(w, value);

	(void)key;
	if (!text)
		return;
	if (!strcmp(text, "published"))
		*(bool *)field = false;
	else if (!strcmp(text, "unbiased"))
		*(bool *)field = true;
	else
		walk_error(w, value, "%s: no rounding '%.40s'; write published or unbiased",
			   w->path, text);
}

static void set_epsilon(struct walk *w, yaml_node_t *value, const struct walk_key *key, void *field)
{
	char why[CONFIG_WHY];
	const char *text = walk_text(w, value);

	(void)key;
	if (text)
		walk_refuse(w, value, config_parse_thousandths(text, field, why), why);
}

#define BUCKET(field)                                                                              \
	(offsetof(struct privacy_params, bucket) + offsetof(struct bucket_laplace, field))
#define BUDGET(field)                                                                              \
	(offsetof(struct privacy_params, budget) + offsetof(struct privacy_budget, field))

static const struct walk_key privacy_keys[] = {
	WALK_KEY("mechanism", set_mechanism, WALK_FIELD(privacy_params, mechanism)),
	WALK_KEY("min_bucket", walk_set_number, BUCKET(min_bucket), .min = 0, .max = UINT64_MAX),
	WALK_KEY("max_bucket", walk_set_number, BUCKET(max_bucket), .min = 0, .max = UINT64_MAX),
	WALK_KEY("min_value", walk_set_number, BUCKET(min_value), .min = 0, .max = UINT64_MAX),
	WALK_KEY("max_value", walk_set_number, BUCKET(max_value), .min = 0, .max = UINT64_MAX),
	WALK_KEY("rounding", set_rounding, BUCKET(unbiased)),
	WALK_KEY("epsilon", set_epsilon, BUDGET(epsilon_milli)),
	WALK_KEY("day_clip", walk_set_number, BUDGET(day_clip), .min = 0, .max = UINT64_MAX),
	WALK_KEY("hour_clip", walk_set_number, BUDGET(hour_clip), .min = 0, .max = UINT64_MAX),
	WALK_KEY("packet_clip", walk_set_number, BUDGET(packet_clip), .min = 0, .max = UINT64_MAX),
};
WALK_SCHEMA(privacy_schema, "privacy", privacy_keys);

static void set_privacy(struct walk *w, yaml_node_t *value, const struct walk_key *key, void *field)
{
	const struct privacy_params *privacy = field;
	char why[CONFIG_WHY] = "";
	unsigned before = w->l->errors_len;
	int err;

	(void)key;
	walk_mapping(w, value, &privacy_schema, field);
	if (w->l->errors_len != before)
		return;
	err = bucket_laplace_check(&privacy->bucket, why, sizeof(why));
	if (!err)
		err = budget_check(&privacy->budget, why, sizeof(why));
	walk_refuse(w, value, err, why);
}

static const struct walk_key payments_keys[] = {
	WALK_KEY("idle", walk_set_duration, WALK_FIELD(config, idle_ms), .min = 1000,
		 .max = 3600000),
	WALK_KEY("max", walk_set_duration, WALK_FIELD(config, max_payment_ms), .min = 1000,
		 .max = 86400000),
};
WALK_SCHEMA(payments_schema, "payments", payments_keys);

static void set_payments(struct walk *w, yaml_node_t *value, const struct walk_key *key,
			 void *field)
{
	const struct config *c = field;
	unsigned before = w->l->errors_len;

	(void)key;
	walk_mapping(w, value, &payments_schema, field);
	if (w->l->errors_len == before && c->max_payment_ms < c->idle_ms)
		walk_error(w, value,
			   "%s: max (%u ms) is shorter than idle (%u ms); raise max or "
			   "lower idle",
			   w->path, c->max_payment_ms, c->idle_ms);
}

static void set_listen(struct walk *w, yaml_node_t *value, const struct walk_key *key, void *field)
{
	char why[CONFIG_WHY], *listen = NULL;
	const char *text = walk_text(w, value);
	int err = text ? config_parse_listen(text, &listen, why) : -EINVAL;

	(void)key;
	if (text)
		walk_refuse(w, value, err, why);
	if (err)
		return;
	free(*(char **)field);
	*(char **)field = listen;
}

static const struct walk_key root_keys[] = {
	WALK_KEY("enabled", walk_set_flag, WALK_FIELD(config, enabled)),
	WALK_KEY("instance", walk_set_text, WALK_FIELD(config, instance)),
	WALK_KEY("livenet_enabled", walk_set_flag, WALK_FIELD(config, livenet_enabled)),
	WALK_KEY("network", walk_set_network, WALK_FIELD(config, network)),
	WALK_KEY("targets", config_set_targets, 0),
	WALK_KEY("peers", config_set_peers, 0),
	WALK_KEY("default_asset", config_set_default_asset, 0),
	WALK_KEY("rates", set_rates, WALK_FIELD(config, rates)),
	WALK_KEY("privacy", set_privacy, WALK_FIELD(config, privacy)),
	WALK_KEY("endpoints", config_set_endpoints, 0),
	WALK_KEY("export_interval", walk_set_duration, WALK_FIELD(config, export_interval_ms),
		 .min = CONFIG_INTERVAL_MIN_MS, .max = CONFIG_INTERVAL_MAX_MS),
	WALK_KEY("cardinality_limit", walk_set_number,
		 WALK_FIELD(config, privacy.cardinality_limit), .min = 32, .max = 10000),
	WALK_KEY("resource", config_set_resource, 0),
	WALK_KEY("listen", set_listen, WALK_FIELD(config, listen)),
	WALK_KEY("listen_group", walk_set_text, WALK_FIELD(config, listen_group)),
	WALK_KEY("listen_token", walk_set_path, WALK_FIELD(config, listen_token)),
	WALK_KEY("payments", set_payments, 0),
	WALK_KEY("tls_connections", walk_set_number, WALK_FIELD(config, tls_connections), .min = 16,
		 .max = 65536),
	WALK_KEY("profile", config_set_profile, 0),
	WALK_KEY("state_dir", walk_set_path, WALK_FIELD(config, state_dir)),
	WALK_KEY("run_dir", walk_set_path, WALK_FIELD(config, run_dir)),
};
WALK_SCHEMA(root_schema, "the configuration", root_keys);

/* The value of KEY in the mapping ROOT; ROOT itself when there is none. */
static const yaml_node_t *value_of(struct walk *w, const yaml_node_t *root, const char *key)
{
	yaml_node_pair_t *pairs = root->data.mapping.pairs.start;
	size_t len = (size_t)(root->data.mapping.pairs.top - pairs);

	for (size_t i = 0; i < len; i++) {
		const yaml_node_t *k = yaml_document_get_node(w->document, pairs[i].key);

		if (k->type == YAML_SCALAR_NODE && !strcmp((const char *)k->data.scalar.value, key))
			return yaml_document_get_node(w->document, pairs[i].value);
	}
	return root;
}

/* listen and listen_token together decide who can read the page. */
static void check_listen(struct walk *w, const yaml_node_t *root)
{
	const struct config *c = w->l->config;

	if (!c->listen || c->listen_token || config_listen_is_local(c->listen))
		return;
	walk_error(w, value_of(w, root, "listen"),
		   "listen: %.80s is not a loopback address, and the page shows figures that "
		   "must not leave the host; write 127.0.0.1:9464 or [::1]:9464, or let "
		   "listen_token name a file with a token that readers must show",
		   c->listen);
}

/* Without a key nothing that one node calls a trace could be found at another. */
static void check_traces(struct walk *w, const yaml_node_t *root)
{
	const struct config *c = w->l->config;

	for (size_t i = 0; i < c->endpoints_len && !c->profile.traces.key_file; i++) {
		if (c->endpoints[i].traces)
			walk_error(w, value_of(w, root, "endpoints"),
				   "profile.traces: there are none, and endpoints.%zu asks for "
				   "them; set profile.traces.key_file, or remove `traces: true` "
				   "there",
				   i);
	}
}

static void read_root(struct walk *w, yaml_node_t *root)
{
	walk_mapping(w, root, &root_schema, w->l->config);
	if (root->type != YAML_MAPPING_NODE)
		return;
	check_listen(w, root);
	check_traces(w, root);
}

/* --- the document ------------------------------------------------------------------------ */

/* libyaml gives line and column for a syntax error, but only a byte offset for invalid bytes. */
static void complain_syntax(struct config_loader *l, const yaml_parser_t *parser, const char *text,
			    size_t len)
{
	size_t line = parser->problem_mark.line, column = parser->problem_mark.column;
	const char *fix = "check the indentation, quotes and colons there";

	if (parser->error == YAML_MEMORY_ERROR) {
		l->no_memory = true;
		return;
	}
	if (parser->error == YAML_READER_ERROR) {
		line = column = 0;
		for (size_t i = 0; i < parser->problem_offset && i < len; i++) {
			column = text[i] == '\n' ? 0 : column + 1;
			line += text[i] == '\n';
		}
		fix = "save the file as UTF-8, without control characters";
	} else if (parser->problem && strstr(parser->problem, "cannot start any token")) {
		fix = "indent with spaces, not tabs, and quote values that begin with one of "
		      "@ ` %";
	}
	config_error(l, line + 1, column + 1, "not YAML: %s%s%s; %s",
		     parser->context ? parser->context : "", parser->context ? ", " : "",
		     parser->problem ? parser->problem : "it cannot be read", fix);
}

void config_yaml(struct config_loader *l, const char *text, size_t len)
{
	struct walk w = {.l = l};
	yaml_document_t document, second;
	yaml_parser_t parser;
	yaml_node_t *root;

	if (!yaml_parser_initialize(&parser)) {
		l->no_memory = true;
		return;
	}
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	if (!yaml_parser_load(&parser, &document)) {
		complain_syntax(l, &parser, text, len);
		goto out;
	}
	w.document = &document;
	root = yaml_document_get_root_node(&document);
	if (root && !walk_is_null(root))
		read_root(&w, root);
	if (!yaml_parser_load(&parser, &second)) {
		complain_syntax(l, &parser, text, len);
	} else {
		root = yaml_document_get_root_node(&second);
		if (root)
			config_error(l, second.start_mark.line + 1, second.start_mark.column + 1,
				     "a second YAML document begins here; keep one");
		yaml_document_delete(&second);
	}
	yaml_document_delete(&document);
out:
	yaml_parser_delete(&parser);
}
