/* SPDX-License-Identifier: Apache-2.0 */
/* config.c - answers from the whole configuration: where state is kept, and whether to start. */
#include "config/config.h"

#include <stdio.h>

const char *const config_target_kinds[] = {
	[TARGET_CGROUP] = "cgroup",       [TARGET_PID] = "pid", [TARGET_UNIT] = "unit",
	[TARGET_CONTAINER] = "container", [TARGET_POD] = "pod", [TARGET_EXECUTABLE] = "executable"};

void config_state_dir(const struct config *c, char *dir, size_t dir_len)
{
	snprintf(dir, dir_len, "%s%s", c->state_dir,
		 c->network == NETWORK_LIVENET ? "/livenet" : "");
}

const char *config_consent(const struct config *c)
{
	if (c->opted_out)
		return "ENABLE_TELEMETRY=false in the environment stops telltale, whatever the "
		       "configuration says; remove the variable to run";
	if (c->sdk_disabled)
		return "OTEL_SDK_DISABLED=true in the environment stops telltale, whatever the "
		       "configuration says; remove the variable to run";
	if (!c->enabled && c->rafiki_telemetry_on)
		return "ENABLE_TELEMETRY=true is a setting of Rafiki and does not start telltale; "
		       "set `enabled: true` in telltale's configuration to opt in";
	if (!c->enabled)
		return "telltale observes nothing until its operator opts in; run `telltale "
		       "enable`, or set `enabled: true` in the configuration";
	if (c->network == NETWORK_LIVENET && !c->livenet_enabled)
		return "livenet moves real money, and `enabled: true` alone does not opt in to it; "
		       "set `livenet_enabled: true` in the configuration too, or use testnet";
	return NULL;
}

uint64_t config_tls_connections(const struct config *c)
{
	uint64_t each = CONFIG_TLS_EACH * c->targets_len;

	if (c->tls_connections)
		return c->tls_connections;
	return each > CONFIG_TLS_CONNECTIONS ? each : CONFIG_TLS_CONNECTIONS;
}

const char *config_runnable(const struct config *c)
{
	if (!c->targets_len)
		return "there is nothing to observe; name the connector under `targets:`, as unit, "
		       "container, pod, executable, cgroup or pid";
	if (!c->endpoints_len && !c->listen)
		return "there is nowhere to send what is measured; name a collector under "
		       "`endpoints:`, or remove `listen: none`";
	return NULL;
}
