/* SPDX-License-Identifier: Apache-2.0 */
/* env_readers.h - the readers of the environment, in the order that config_load calls them. */
#ifndef TELLTALE_CONFIG_ENV_READERS_H
#define TELLTALE_CONFIG_ENV_READERS_H

struct env;

/* Consent; and Rafiki's variables, for values that the file does not set. */
void config_env_rafiki(struct env *e);
/* OTEL_EXPORTER_OTLP_*: where exports go and how. Overrides Rafiki's variables. */
void config_env_transport(struct env *e);
/* OpenTelemetry's other variables, once the endpoints are known. */
void config_env_sdk(struct env *e);
/* OTEL_RESOURCE_ATTRIBUTES. */
void config_env_resource(struct env *e);
/* INSTANCE_NAME, and OTEL_SERVICE_NAME, which overrides the resource's service.name. */
void config_env_names(struct env *e);

#endif
