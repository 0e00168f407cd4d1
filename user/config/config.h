/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.h - the operator's configuration: a YAML file, then the environment, then defaults.
 *
 * Every error names file, line and column and says the fix. Unknown keys are errors. Rafiki's
 * variables supply what the file leaves out. The OTEL_EXPORTER_OTLP_* variables override both in
 * where and how to export. Consent has stricter rules: see config_consent.
 */
#ifndef TELLTALE_CONFIG_H
#define TELLTALE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "rates/asset.h"
#include "config/endpoint.h"
#include "config/target.h"
#include "release/network.h"
#include "exchange/peer.h"
#include "privacy/params.h"
#include "rates/source.h"

#define CONFIG_DEFAULT_PATH "/etc/telltale/telltale.yaml"
#define CONFIG_FILE_MAX     (1u << 20) /* bytes; a larger file is refused */
#define CONFIG_PEERS_MAX    16384
#define CONFIG_REMARKS_MAX  8

/* A server that the connector asks, as a database. */
struct config_dependency {
	char *name;
	uint64_t port; /* TCP; 1 to 65535 */
};

/* Packets as spans, for endpoints of audience own that ask for them. */
struct config_traces {
	char *key_file;   /* NULL: there are no traces */
	uint64_t sample;  /* of a million payments; default a hundredth of them */
	uint64_t slowest; /* packets of a minute; default 10 */
};

/* What is shown of packets' time and of peers, to the operator only. */
struct config_profile {
	bool columns;   /* the clocks of the targets' threads run; default false */
	uint64_t peers; /* that have figures of their own; default 32, which is the most; 0: none */
	struct config_dependency *dependencies; /* besides postgresql and redis */
	size_t dependencies_len;
	struct config_traces traces;
};

struct config {
	bool enabled;
	bool livenet_enabled;     /* the consent that livenet needs beside `enabled` */
	bool opted_out;           /* ENABLE_TELEMETRY=false */
	bool sdk_disabled;        /* OTEL_SDK_DISABLED=true */
	bool others_write;        /* others than root and this user may change the file; a remark
				   * says who */
	bool rafiki_telemetry_on; /* ENABLE_TELEMETRY=true: payments might be counted twice */
	char *instance;           /* default: the host's name */
	enum network network;
	struct config_target *targets;
	size_t targets_len;
	struct peer *peers;
	size_t peers_len;
	bool has_default_asset;
	struct asset default_asset;
	struct rates_source_config rates[RATES_SOURCES];
	struct privacy_params privacy;
	struct config_endpoint *endpoints;
	size_t endpoints_len;
	uint32_t export_interval_ms; /* default 15000; 1000 to 3600000 */
	char *service_name;          /* default "telltale" */
	struct config_attribute
		*attributes; /* OTEL_RESOURCE_ATTRIBUTES and resource: in the file */
	size_t attributes_len;
	char *listen;       /* "127.0.0.1:9464", "unix:/path"; NULL: "none" in the file */
	char *listen_group; /* whose members may open the Unix sockets; NULL: their owner alone */
	char *listen_token; /* path of a file; NULL: the page asks for no token */
	struct config_profile profile;
	uint32_t idle_ms;         /* a payment ends after this long without an exchange; 30000 */
	uint32_t max_payment_ms;  /* ... or when it is this old; 600000 */
	uint64_t tls_connections; /* 0: not given, see config_tls_connections */
	char *state_dir;          /* "/var/lib/telltale" */
	char *run_dir;            /* "/run/telltale" */
	/* What is no error but should be known, as "what; fix": for `run` to log and `check` to
	 * show.
	 */
	char *remarks[CONFIG_REMARKS_MAX];
	size_t remarks_len;
	struct config_provenance *provenance; /* where each value came from, for --print-config */
};

/*
 * Reads the file PATH and VARIABLES, which has the form of environ(7). PATH may be NULL: then
 * everything comes from VARIABLES and defaults. All errors go to ERRORS, one a line, as
 * "file:line:column: what; fix" or "environment: VARIABLE: what; fix". Returns 0, -EINVAL after
 * errors in the content, -EPERM when others may write to PATH, or -errno when PATH cannot be read
 * (ERRORS says each). *OUT is set on 0. Targets and endpoints are not required here: see
 * config_runnable.
 *
 * Rafiki's variables supply what the file leaves out; Rafiki's collectors become endpoints of
 * audience NETWORK. OTEL_EXPORTER_OTLP_ENDPOINT replaces all endpoints by one. Its audience is OWN
 * when all the replaced endpoints were OWN, else NETWORK: exact figures go only where they were
 * declared to go. It takes nothing else from the replaced endpoints but their network. Without it,
 * the other OTEL_EXPORTER_OTLP_* variables act on every endpoint, except _HEADERS: headers may be
 * one collector's credentials, so with several endpoints the variable is an error. _INSECURE acts
 * on an _ENDPOINT without a scheme.
 *
 * A collector of the network belongs to testnet unless it is declared to belong to livenet: in the
 * file by `network`, in Rafiki's list by LIVENET. One that belongs to another network than the node
 * is an error.
 */
int config_load(const char *path, char *const *variables, FILE *errors, struct config **out);
void config_free(struct config *c);

/* The content of the file PATH, malloc'ed, with a NUL after it, for config_text_free. 0 or -errno
 * as config_load, and ERRORS says each. */
int config_read(const char *path, FILE *errors, char **text, size_t *len);
void config_text_free(char *text, size_t len); /* accepts NULL */
/* As config_load, with TEXT in place of what is in the file PATH. */
int config_load_text(const char *path, const char *text, size_t len, char *const *variables,
		     FILE *errors, struct config **out);

/* The directory that keeps what is counted for the node's network. Each network has its own, so
 * that testnet's counts never become livenet's. The directory may not exist yet. */
void config_state_dir(const struct config *c, char *dir, size_t dir_len);

/* The path that was read, or a phrase that says there was none. */
const char *config_file(const struct config *c);

/* One sentence that says why `run` may not start, and the fix; NULL when consent is given. */
const char *config_consent(const struct config *c);

/* How many TLS connections with ILP are followed at the same time: as the file says, else
 * CONFIG_TLS_CONNECTIONS or, for many targets, CONFIG_TLS_EACH for each. */
#define CONFIG_TLS_CONNECTIONS 1024
#define CONFIG_TLS_EACH        16
uint64_t config_tls_connections(const struct config *c);

/* One sentence that says what `run` needs and does not have, and the fix: a target, or a place to
 * send what it measures. NULL when nothing is missing. */
const char *config_runnable(const struct config *c);

/* The effective configuration as YAML, each value with a comment that says where it came from.
 * Header values are masked. */
void config_print(const struct config *c, FILE *out);

/* TEXT as a YAML scalar on one line: plain where that is safe, else in double quotes. */
void config_print_scalar(FILE *out, const char *text);

#endif
