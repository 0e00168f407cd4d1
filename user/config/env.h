/* SPDX-License-Identifier: Apache-2.0 */
/*
 * env.h - one variable of the environment to one value: for those that read Rafiki's and
 * OpenTelemetry's.
 *
 * An empty variable counts as not set, as OpenTelemetry's specification has it.
 */
#ifndef TELLTALE_CONFIG_ENV_H
#define TELLTALE_CONFIG_ENV_H

#include "config/internal.h"

struct env {
	struct config_loader *l;
	char *const *variables;
};

/* NULL: not set. */
const char *env_get(const struct env *e, const char *name);
/* The value called NAME came from VARIABLE; NULL: it is a default again. */
void env_note(struct env *e, const char *name, const char *variable);
/* Reports WHY of VARIABLE unless ERR is 0; -ENOMEM is remembered instead. */
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
/* The name of FIELD of endpoint INDEX into NAME (CONFIG_PATH bytes). */
void env_endpoint_name(char *name, size_t index, const char *field);
/* Frees all endpoints; there are none then. */
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

#endif
