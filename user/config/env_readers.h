/* SPDX-License-Identifier: Apache-2.0 */
/* env_readers.h - what config_load reads from the environment, in this order. */
#ifndef TELLTALE_CONFIG_ENV_READERS_H
#define TELLTALE_CONFIG_ENV_READERS_H

struct env;

/* Consent, and what Rafiki's variables say, where the file does not. */
void config_env_rafiki(struct env *e);
/* OTEL_EXPORTER_OTLP_*: where exports go and how, over what Rafiki's variables say. */
void config_env_transport(struct env *e);
/* OpenTelemetry's other variables, once the endpoints are known. */
void config_env_sdk(struct env *e);
/* OTEL_RESOURCE_ATTRIBUTES. */
void config_env_resource(struct env *e);
/* INSTANCE_NAME and OTEL_SERVICE_NAME, which beats the resource's service.name. */
void config_env_names(struct env *e);

#endif
