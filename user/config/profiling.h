/* SPDX-License-Identifier: Apache-2.0 */
/* profiling.h - the key `profile` of the configuration file. */
#ifndef TELLTALE_CONFIG_PROFILING_H
#define TELLTALE_CONFIG_PROFILING_H

#include "config/walk.h"
#include "profile/dependencies.h"

struct config;
struct config_profile;

/* FIELD is the struct config. */
walk_set config_set_profile;

/* The known dependencies and those of C, whose text is borrowed. */
void config_dependencies(const struct config *c, struct dependencies *out);
/* Do both name the same dependencies, in the same order? */
bool config_same_dependencies(const struct config_profile *a, const struct config_profile *b);
/* Do both want the same traces, with the same file of the key? */
bool config_same_traces(const struct config_profile *a, const struct config_profile *b);

#endif
