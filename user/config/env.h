/* SPDX-License-Identifier: Apache-2.0 */
/* env.h - what env.c, which reads the environment, and env_otel.c and
 * env_sdk.c, which know OpenTelemetry's part of it, share. */
#ifndef TELLTALE_CONFIG_ENV_IMPL_H
#define TELLTALE_CONFIG_ENV_IMPL_H

#include "config/internal.h"

struct env {
	struct config_loader *l;
	char *const *variables;
};

const char *env_get(const struct env *e, const char *name);
void env_note(struct env *e, const char *name, const char *variable);
void env_refuse(struct env *e, const char *variable, int err, const char *why);
/* A copy of TEXT replaces *FIELD. */
void env_replace(struct env *e, char **field, const char *text);
/* The value of VARIABLE when it is set and a text; NULL after an error as well. */
const char *env_text(struct env *e, const char *variable);
/* True when VARIABLE is set; then *FLAG is its value. */
bool env_flag(struct env *e, const char *variable, bool *flag);
/* One endpoint more, from VARIABLE; NULL after an error. */
struct config_endpoint *env_add_endpoint(struct env *e, const char *variable, const char *url,
					 bool tls_default, enum audience audience);
void env_endpoint_name(char *name, size_t index, const char *field);

void env_forget_endpoints(struct env *e);

/* A variable of OTLP's and its variant for metrics, which goes first. */
struct env_otlp {
	const char *metrics, *general;
};
#define ENV_OTLP(name)                                                                             \
	(struct env_otlp)                                                                          \
	{                                                                                          \
		"OTEL_EXPORTER_OTLP_METRICS_" name, "OTEL_EXPORTER_OTLP_" name                     \
	}
/* As env_text; *VARIABLE is the one of the two that is set. */
const char *env_otlp_text(struct env *e, struct env_otlp v, const char **variable);

/* OpenTelemetry's other variables, after the endpoints are known. */
void config_env_sdk(struct env *e);
/* OTEL_EXPORTER_OTLP_*: where exports go and how, over what Rafiki's variables say. */
void config_env_transport(struct env *e);
/* OTEL_RESOURCE_ATTRIBUTES. */
void config_env_resource(struct env *e);

#endif
