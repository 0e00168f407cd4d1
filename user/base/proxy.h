/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy.h - which proxy the environment names for a connection.
 *
 * Exact figures go to the operator's own collectors, often on loopback, and a proxy would read what
 * has no TLS. So loopback is never reached through one, and whoever uses a proxy says so. The
 * libraries differ in how they read these variables; this is the one rule for both.
 *
 *   gRPC    grpc_proxy, https_proxy, HTTPS_PROXY, http_proxy; http:// proxies only
 *   http    http_proxy, all_proxy, ALL_PROXY
 *   https   https_proxy, HTTPS_PROXY, all_proxy, ALL_PROXY
 *
 * The first that is set and not empty counts. HTTP_PROXY is ignored: where a web server runs
 * programs, a client's header can set it. Exceptions are in no_grpc_proxy (gRPC only), no_proxy or
 * NO_PROXY, again the first that is set: names with their subdomains, addresses, networks like
 * 10.0.0.0/8, each with an optional port, or `*` for everything.
 */
#ifndef TELLTALE_PROXY_H
#define TELLTALE_PROXY_H

#include <stdbool.h>

#include "base/url.h"

enum proxy_client { PROXY_GRPC, PROXY_HTTP, PROXY_HTTPS };

struct proxy {
	const char *variable; /* that names it */
	char url[512];        /* may hold a password */
	char shown[URL_SHOWN];
};

/* HOST is a name or an address, an IPv6 address with or without brackets. PORT may be NULL. True:
 * the proxy is in *OUT. False: connect directly. When that is because gRPC cannot use the proxy,
 * OUT->variable is set. */
bool proxy_find(enum proxy_client client, const char *host, const char *port, struct proxy *out);
/* The same for a whole http(s) URL. */
bool proxy_find_for_url(const char *url, struct proxy *out);
/* Whether HOST names this host itself: localhost and names below it, 127.0.0.0/8, ::1. */
bool proxy_is_loopback(const char *host);
/* The value of no_proxy or NO_PROXY; "" when neither is set. */
const char *proxy_exceptions(void);

#endif
