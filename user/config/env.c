/* SPDX-License-Identifier: Apache-2.0 */
#include "config/env.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/notes.h"
#include "config/text.h"
#include "config/url.h"

const char *env_get(const struct env *e, const char *name)
{
	size_t len = strlen(name);

	for (char *const *v = e->variables; v && *v; v++) {
		if (!strncmp(*v, name, len) && (*v)[len] == '=')
			return (*v)[len + 1] ? *v + len + 1 : NULL;
	}
	return NULL;
}

void env_note(struct env *e, const char *name, const char *variable)
{
	struct config_source source = {.variable = variable};

	if (config_note(e->l->config, name, source))
		e->l->no_memory = true;
}

void env_refuse(struct env *e, const char *variable, int err, const char *why)
{
	if (err == -ENOMEM)
		e->l->no_memory = true;
	else if (err)
		config_error_env(e->l, variable, "%s", why);
}

void env_replace(struct env *e, char **field, const char *text)
{
	char *copy = strdup(text);

	if (!copy) {
		e->l->no_memory = true;
		return;
	}
	free(*field);
	*field = copy;
}

const char *env_text(struct env *e, const char *variable)
{
	const char *text = env_get(e, variable);
	char why[CONFIG_WHY];
	int err = text ? config_check_text(text, strlen(text), why) : 0;

	env_refuse(e, variable, err, why);
	return err ? NULL : text;
}

bool env_flag(struct env *e, const char *variable, bool *flag)
{
	const char *text = env_text(e, variable);

	if (!text)
		return false;
	*flag = !strcasecmp(text, "true");
	if (*flag || !strcasecmp(text, "false"))
		return true;
	config_error_env(e->l, variable, "'%.40s' is not true or false; write one of them", text);
	return false;
}

const char *env_otlp_text(struct env *e, struct env_otlp v, const char **variable)
{
	*variable = env_get(e, v.metrics) ? v.metrics : v.general;
	return env_text(e, *variable);
}

void env_endpoint_name(char *name, size_t index, const char *field)
{
	snprintf(name, CONFIG_PATH, "endpoints.%zu.%s", index, field);
}

struct config_endpoint *env_add_endpoint(struct env *e, const char *variable, const char *url,
					 bool tls_default, enum audience audience)
{
	struct config *c = e->l->config;
	struct config_endpoint *list, *endpoint;
	char why[CONFIG_WHY], name[CONFIG_PATH];
	int err;

	if (c->endpoints_len == CONFIG_ENDPOINTS_MAX) {
		config_error_env(e->l, variable, "names more than %d endpoints; remove some",
				 CONFIG_ENDPOINTS_MAX);
		return NULL;
	}
	list = reallocarray(c->endpoints, c->endpoints_len + 1, sizeof(*list));
	if (!list) {
		e->l->no_memory = true;
		return NULL;
	}
	c->endpoints = list;
	endpoint = &list[c->endpoints_len];
	config_endpoint_init(endpoint);
	endpoint->audience = audience;
	err = config_parse_url(url, tls_default, endpoint, why);
	env_refuse(e, variable, err, why);
	for (size_t i = 0; !err && i < c->endpoints_len; i++) {
		if (config_same_collector(&list[i], endpoint))
			config_error_env(e->l, variable, "names %.120s twice, which %s",
					 endpoint->authority,
					 config_same_collector_words(&list[i], endpoint));
	}
	env_endpoint_name(name, c->endpoints_len, "url");
	env_note(e, name, variable);
	env_endpoint_name(name, c->endpoints_len, "audience");
	env_note(e, name, variable);
	c->endpoints_len++; /* also when refused, so that config_free frees it */
	return err ? NULL : endpoint;
}

void env_forget_endpoints(struct env *e)
{
	struct config *c = e->l->config;

	for (size_t i = 0; i < c->endpoints_len; i++)
		config_endpoint_fini(&c->endpoints[i]);
	c->endpoints_len = 0;
}
