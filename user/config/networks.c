/* SPDX-License-Identifier: Apache-2.0 */
/* networks.c - testnet and livenet are separate services: data of one must not reach the other. */
#include "config/networks.h"

#include <stdio.h>

#include "config/notes.h"
#include "config/text.h"

/* Reports WHAT at the value called NAME, or at the one called OTHER when NAME is a default. */
static void complain(struct config_loader *l, const char *name, const char *other, const char *what)
{
	struct config_source source = config_noted(l->config, name);

	if (!source.line && !source.variable)
		source = config_noted(l->config, other);
	if (source.variable)
		config_error_env(l, source.variable, "%s", what);
	else
		config_error(l, source.line, 1, "%s", what);
}

static void check_endpoint(struct config_loader *l, size_t i)
{
	const struct config *c = l->config;
	const struct config_endpoint *e = &c->endpoints[i];
	char name[CONFIG_PATH], url[CONFIG_PATH], what[CONFIG_WHY];
	bool said;

	snprintf(name, sizeof(name), "endpoints.%zu.network", i);
	snprintf(url, sizeof(url), "endpoints.%zu.url", i);
	said = config_noted(c, name).line > 0;
	/* The operator's own collector may serve both: exports name their network. */
	if (e->network == c->network || (e->audience != AUDIENCE_NETWORK && !said))
		return;
	snprintf(what, sizeof(what),
		 "endpoint %.120s belongs to %s%s, and this node is on %s; %s, or remove the "
		 "endpoint",
		 e->url ? e->url : "", network_text(e->network), said ? "" : " by default",
		 network_text(c->network),
		 c->network == NETWORK_LIVENET ? "write `network: livenet` at the endpoint if its "
						 "collector belongs to livenet"
					       : "name a collector of testnet");
	complain(l, name, url, what);
}

void config_check_networks(struct config_loader *l)
{
	const struct config *c = l->config;

	if (c->livenet_enabled && c->network != NETWORK_LIVENET)
		complain(l, "livenet_enabled", "network",
			 "`livenet_enabled: true` opts in to livenet, and this node is on testnet; "
			 "write `network: livenet`, or remove livenet_enabled");
	for (size_t i = 0; i < c->endpoints_len; i++)
		check_endpoint(l, i);
}
