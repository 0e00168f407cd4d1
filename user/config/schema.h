/* SPDX-License-Identifier: Apache-2.0 */
/* schema.h - the keys of the configuration file, from the root. */
#ifndef TELLTALE_CONFIG_SCHEMA_H
#define TELLTALE_CONFIG_SCHEMA_H

#include "config/internal.h"

/* Reads LEN bytes of YAML into l->config, and reports errors to l->errors. */
void config_yaml(struct config_loader *l, const char *text, size_t len);

#endif
