/* SPDX-License-Identifier: Apache-2.0 */
/*
 * env.h - reads one variable of the environment as one value; shared by the readers of Rafiki's and
 * OpenTelemetry's variables.
 *
 * An empty variable counts as not set, as OpenTelemetry's specification requires.
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
/* Notes that the value called NAME came from VARIABLE; NULL: that it is the default again. */
void env_note(struct env *e, const char *name, const char *variable);
/* Reports WHY as an error in VARIABLE, unless ERR is 0. -ENOMEM is not reported but remembered. */
void env_refuse(struct env *e, const char *variable, int err, const char *why);
/* Replaces *FIELD by a copy of TEXT. */
void env_replace(struct env *e, char **field, const char *text);
/* The value of VARIABLE; NULL when it is not set, or after reporting that it is not valid text. */
const char *env_text(struct env *e, const char *variable);
/* True when VARIABLE is set; then *FLAG is its value. */
bool env_flag(struct env *e, const char *variable, bool *flag);
/* Adds an endpoint that VARIABLE names; NULL after an error. */
struct config_endpoint *env_add_endpoint(struct env *e, const char *variable, const char *url,
					 bool tls_default, enum audience audience);
/* Writes the name of FIELD of endpoint INDEX into NAME (CONFIG_PATH bytes). */
void env_endpoint_name(char *name, size_t index, const char *field);
/* Frees and removes all endpoints. */
void env_forget_endpoints(struct env *e);

/* An OTLP variable and its variant for metrics, which takes precedence. */
struct env_otlp {
	const char *metrics, *general;
};
#define ENV_OTLP(name)                                                                             \
	(struct env_otlp)                                                                          \
	{                                                                                          \
		"OTEL_EXPORTER_OTLP_METRICS_" name, "OTEL_EXPORTER_OTLP_" name                     \
	}
/* As env_text, of the variant for metrics if it is set, else of the general one. *VARIABLE is the
 * one that was read. */
const char *env_otlp_text(struct env *e, struct env_otlp v, const char **variable);

#endif
