/* SPDX-License-Identifier: Apache-2.0 */
/*
 * internal.h - what the files of the configuration share; beside them only peers_import.c
 * and cmd_privacy_*.c, which take the same texts, include it.
 *
 * walk.c walks a YAML document by tables of keys, schema.c holds the tables,
 * env.c reads the environment, text.c turns single texts into values for both,
 * print.c prints the result, config.c puts them in order.
 */
#ifndef TELLTALE_CONFIG_IMPL_H
#define TELLTALE_CONFIG_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "config/config.h"

#define CONFIG_TEXT_MAX 4096 /* bytes of one value */
#define CONFIG_WHY      512  /* room for "what; mend" */
#define CONFIG_PATH     160  /* room for a value's name, such as "endpoints.0.headers.x" */

#define CONFIG_LIFETIME_OPERATOR_MS 15000    /* as Rafiki has it for its own rates */
#define CONFIG_LIFETIME_NETWORK_MS  86400000 /* ... and for the network's */
#define CONFIG_LIFETIME_MIN_MS      1000
#define CONFIG_LIFETIME_MAX_MS      2592000000u
#define CONFIG_INTERVAL_MS          15000
#define CONFIG_INTERVAL_MIN_MS      1000
#define CONFIG_INTERVAL_MAX_MS      3600000
#define CONFIG_TIMEOUT_MS           10000
#define CONFIG_TIMEOUT_MIN_MS       100
#define CONFIG_TIMEOUT_MAX_MS       300000

/* --- where values came from -------------------------------------------------------------- */

struct config_source {
	unsigned line;        /* in the file; 0: not from there */
	const char *variable; /* static text; NULL: not from the environment */
};

struct config_provenance {
	char *file;
	void *notes; /* a tree of tsearch(3), by the value's name */
};

/* The value called NAME ("rates.operator", "peers.0.token") came from SOURCE; a later note replaces
 * an earlier one. 0 or -ENOMEM. */
int config_note(struct config *c, const char *name, struct config_source source);
/* Zero when the value is a default. */
struct config_source config_noted(const struct config *c, const char *name);
void config_provenance_free(struct config_provenance *p);

/* --- loading ----------------------------------------------------------------------------- */

struct config_loader {
	struct config *config;
	const char *file; /* NULL: none */
	FILE *errors;
	unsigned errors_len;
	bool no_memory; /* the load ends in -ENOMEM */
};

/* Line and column count from 1. */
void config_error(struct config_loader *l, size_t line, size_t column, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void config_error_env(struct config_loader *l, const char *variable, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Reads LEN bytes of YAML into l->config. */
void config_yaml(struct config_loader *l, const char *text, size_t len);
/* That testnet and livenet are kept apart, once all is read. */
void config_check_networks(struct config_loader *l);
/* Lays VARIABLES over what the file gave. */
void config_env(struct config_loader *l, char *const *variables);

/* --- texts to values: 0, -ENOMEM, or -EINVAL with "what; mend" in WHY (CONFIG_WHY bytes) - */

/* Writes "what; mend" into WHY; returns -EINVAL. */
int config_refuse(char *why, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* No control characters, UTF-8, not empty, at most CONFIG_TEXT_MAX bytes. TEXT has LEN bytes, NUL
 * perhaps among them, and a NUL behind them. */
int config_check_text(const char *text, size_t len, char *why);
int config_check_absolute(const char *text, char *why);
/* "15s": a whole number with the unit ms, s, m or h. */
int config_parse_duration(const char *text, uint32_t min_ms, uint32_t max_ms, uint32_t *ms,
			  char *why);
/* MS, which is above 0, in the largest unit that holds it exactly; returns BUF. */
const char *config_duration_text(uint32_t ms, char *buf, size_t len);
/* "15000": Rafiki's and OpenTelemetry's variables are in milliseconds. */
int config_parse_ms(const char *text, uint32_t min_ms, uint32_t max_ms, uint32_t *ms, char *why);
int config_parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *number, char *why);
/* "0.5": 0.001 to 20, with up to three decimals; *THOUSANDTHS gets 500. */
int config_parse_thousandths(const char *text, uint64_t *thousandths, char *why);
int config_parse_listen(const char *text, char **listen, char *why); /* NULL for "none" */
int config_parse_token(const char *text, uint64_t *token, char *why);
int config_parse_asset_code(const char *text, struct asset *asset, char *why);
int config_parse_peer_endpoint(const char *text, char **endpoint, char *why);
int config_parse_rates_location(const char *text, char *why);
int config_parse_compression(const char *text, bool *gzip, char *why);
int config_parse_network(const char *text, enum network *network, char *why);
/* Sets url, authority and tls; TLS_DEFAULT holds where TEXT has no scheme, and is then made plain
 * in url. */
int config_parse_url(const char *text, bool tls_default, struct config_endpoint *e, char *why);
/* "k=v,k2=v2" with percent-encoding, as OTLP's variables have it. *PAIRS is malloc'ed, at most
 * CONFIG_PAIRS_MAX long. */
int config_parse_pairs(const char *text, struct config_attribute **pairs, size_t *pairs_len,
		       char *why);
void config_pairs_free(struct config_attribute *pairs, size_t pairs_len);
/* Puts the name of HEADERS[I] into lower case; what gRPC would refuse as metadata, and a name that
 * one before has, is an error. The value is never repeated in WHY: it may be a secret. */
int config_check_header(struct config_header *headers, size_t i, char *why);
int config_check_attribute(const char *key, char *why);

void config_endpoint_init(struct config_endpoint *e); /* to the defaults */
void config_endpoint_fini(struct config_endpoint *e);
/* Certificate files that fit each other and the scheme; histograms that fit the audience. */
int config_check_endpoint(const struct config_endpoint *e, char *why);

#endif
