/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.h - parses and checks single values. The file, the environment and the commands share these
 * functions.
 *
 * Each returns 0, -ENOMEM, or -EINVAL with "what; fix" in WHY (CONFIG_WHY bytes).
 */
#ifndef TELLTALE_CONFIG_TEXT_H
#define TELLTALE_CONFIG_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rates/asset.h"
#include "release/network.h"

#define CONFIG_TEXT_MAX 4096 /* bytes of one value */
#define CONFIG_WHY      512  /* room for "what; fix" */

/* Writes "what; fix" into WHY; returns -EINVAL. */
int config_refuse(char *why, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Checks that TEXT is UTF-8, not empty, without control characters and at most CONFIG_TEXT_MAX
 * bytes long. TEXT has LEN bytes, which may include NUL, and a NUL after them. */
int config_check_text(const char *text, size_t len, char *why);
int config_check_absolute(const char *text, char *why);
/* "15s": a whole number with the unit ms, s, m or h. */
int config_parse_duration(const char *text, uint32_t min_ms, uint32_t max_ms, uint32_t *ms,
			  char *why);
/* Writes MS, which is above 0, in the largest unit that divides it, such as "15s". Returns BUF. */
const char *config_duration_text(uint32_t ms, char *buf, size_t len);
/* "15000": a whole number of milliseconds, as Rafiki's and OpenTelemetry's variables have it. */
int config_parse_ms(const char *text, uint32_t min_ms, uint32_t max_ms, uint32_t *ms, char *why);
int config_parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *number, char *why);
/* "0.5": 0.001 to 20, with up to three decimals; *THOUSANDTHS gets 500. */
int config_parse_thousandths(const char *text, uint64_t *thousandths, char *why);
/* "0.01": 0 to 1, with up to six decimals; *MILLIONTHS gets 10000. */
int config_parse_share(const char *text, uint64_t *millionths, char *why);
int config_parse_listen(const char *text, char **listen, char *why); /* NULL for "none" */
/* Whether LISTEN, as config_parse_listen gives it, is a loopback address or a Unix socket. */
bool config_listen_is_local(const char *listen);
int config_parse_token(const char *text, uint64_t *token, char *why);
int config_parse_asset_code(const char *text, struct asset *asset, char *why);
int config_parse_compression(const char *text, bool *gzip, char *why);
int config_parse_network(const char *text, enum network *network, char *why);

#endif
