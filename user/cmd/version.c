/* SPDX-License-Identifier: Apache-2.0 */
/* version.c - `telltale version`: the version, the commit, and the libraries in use. */
#include <stdio.h>

#include <bpf/libbpf.h>
#include <curl/curl.h>
#include <curses.h>
#include <event2/event.h>
#include <expat.h>
#include <gmp.h>
#include <grpc/grpc.h>
#include <json-c/json.h>
#include <microhttpd.h>
#include <openssl/crypto.h>
#include <protobuf-c/protobuf-c.h>
#include <seccomp.h>
#include <sqlite3.h>
#include <yaml.h>
#include <zlib.h>

#include "cmd/commands.h"

static void print_library(const char *name, const char *version)
{
	printf("  %-15s %s\n", name, version);
}

static void print_seccomp(void)
{
	const struct scmp_version *v = seccomp_version();

	if (v)
		printf("  %-15s %u.%u.%u\n", "libseccomp", v->major, v->minor, v->micro);
}

void version_print(const char *commit)
{
	printf("telltale " TELLTALE_VERSION "\ncommit %s\nlibraries\n", commit);
	printf("  %-15s %u.%u\n", "libbpf", libbpf_major_version(), libbpf_minor_version());
	print_library("gRPC core", grpc_version_string());
	print_library("protobuf-c", protobuf_c_version());
	print_library("libcurl", curl_version_info(CURLVERSION_NOW)->version);
	print_library("OpenSSL", OpenSSL_version(OPENSSL_VERSION_STRING));
	print_library("zlib", zlibVersion());
	print_library("json-c", json_c_version());
	print_library("libyaml", yaml_get_version_string());
	print_library("expat", XML_ExpatVersion() + sizeof("expat_") - 1);
	print_library("libmicrohttpd", MHD_get_version());
	print_library("libevent", event_get_version());
	print_library("SQLite", sqlite3_libversion());
	print_library("ncurses", curses_version() + sizeof("ncurses ") - 1);
	print_library("GMP", gmp_version);
	print_seccomp();
}
