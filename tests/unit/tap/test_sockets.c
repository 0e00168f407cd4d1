/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tap/sockets.h"
#include "tests/unit/support/skipping.h"

/* A line as the kernel writes it. */
#define LINE(local, remote, state, inode)                                                          \
	"   3: " local " " remote " " state                                                        \
	" 00000000:00000000 00:00000000 00000000  1000        0 " inode                            \
	" 1 0000000000000000 20 4 30 10 -1\n"

static void an_address_tells_two_connections_between_the_same_ports(void **state)
{
	/* 192.0.2.7:443 seen from port 40000 */
	struct record_remote r = {
		.addr = {192, 0, 2, 7}, .port = 443, .local_port = 40000, .family = 4};
	struct sockets_match m = {.remote = &r};
	uint32_t ours, theirs;
	char line[256];

	(void)state;
	memcpy(&ours, r.addr, 4);
	theirs = ours ^ htonl(1);
	snprintf(line, sizeof(line), LINE("0100007F:9C40", "%08X:01BB", "01", "111"), theirs);
	sockets_line(&m, line);
	assert_int_equal(m.inode, 0);
	snprintf(line, sizeof(line), LINE("0100007F:9C40", "%08X:01BB", "01", "222"), ours);
	sockets_line(&m, line);
	assert_int_equal(m.inode, 222);
	snprintf(line, sizeof(line), LINE("0100007F:9C40", "%08X:01BC", "01", "333"), ours);
	sockets_line(&m, line);
	/* Its process has closed it: the line stands on for a while, without owner. */
	snprintf(line, sizeof(line), LINE("0100007F:9C40", "%08X:01BB", "06", "0"), ours);
	sockets_line(&m, line);
	sockets_line(&m, "  sl  local_address rem_address   st tx_queue rx_queue\n");
	sockets_line(&m, "");
	assert_int_equal(m.inode, 222);
	assert_int_equal(m.listener, 0);
}

static void a_listener_on_the_port_makes_it_a_server(void **state)
{
	struct record_remote r = {.port = 50000, .local_port = 443, .family = 4};
	struct sockets_match m = {.remote = &r};

	(void)state;
	sockets_line(&m, LINE("00000000:01BC", "00000000:0000", "0A", "111"));
	assert_int_equal(m.listener, 0);
	sockets_line(&m, LINE("00000000:01BB", "00000000:0000", "0A", "222"));
	assert_int_equal(m.listener, 222);
	assert_int_equal(m.inode, 0);
}

/* --- the kernel's own tables -------------------------------------------------------------------
 */

static unsigned long look_up(const struct record_remote *r, unsigned long *listener)
{
	static const char *const tables[] = {"/proc/self/net/tcp", "/proc/self/net/tcp6"};
	struct sockets_match m = {.remote = r};
	char line[512];

	for (size_t i = 0; i < 2; i++) {
		FILE *f = fopen(tables[i], "re");

		while (f && fgets(line, sizeof(line), f))
			sockets_line(&m, line);
		if (f)
			fclose(f);
	}
	*listener = m.listener;
	return m.inode;
}

static unsigned long inode_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

static in_port_t port_of(int fd)
{
	struct sockaddr_in6 name = {0}; /* the port lies where sockaddr_in has it */
	socklen_t len = sizeof(name);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &len), 0);
	return ntohs(name.sin6_port);
}

/* Both ends of a connection over loopback; a listener on :: takes IPv4 as well. */
static void both_ends_are_found(int family, const char *from, const char *to, unsigned packet)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6};
	struct sockaddr_storage peer = {.ss_family = (sa_family_t)family};
	struct sockaddr_in6 *peer6 = (struct sockaddr_in6 *)&peer;
	struct sockaddr_in *peer4 = (struct sockaddr_in *)&peer;
	int listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), none = 0;
	int client = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), server;
	struct record_remote r = {.family = (uint8_t)packet};
	int packet_family = packet == 4 ? AF_INET : AF_INET6;
	unsigned long listens;

	setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &none, sizeof(none));
	if (listener < 0 || client < 0 || bind(listener, (struct sockaddr *)&any, sizeof(any)))
		SKIP("this host has no IPv6");
	assert_int_equal(listen(listener, 1), 0);
	peer6->sin6_port = htons(port_of(listener));
	inet_pton(family, to, family == AF_INET ? (void *)&peer4->sin_addr : &peer6->sin6_addr);
	assert_int_equal(connect(client, (struct sockaddr *)&peer, sizeof(peer)), 0);
	server = accept(listener, NULL, NULL);
	assert_true(server >= 0);

	inet_pton(packet_family, from, r.addr);
	r.port = port_of(listener);
	r.local_port = port_of(client);
	assert_int_equal(look_up(&r, &listens), inode_of(client));
	assert_int_equal(listens, 0);
	r.port = port_of(client);
	r.local_port = port_of(listener);
	assert_int_equal(look_up(&r, &listens), inode_of(server));
	assert_int_equal(listens, inode_of(listener));
	close(server);
	close(client);
	close(listener);
}

static void a_connection_over_ipv4_is_found(void **state)
{
	(void)state;
	both_ends_are_found(AF_INET, "127.0.0.1", "127.0.0.1", 4);
}

static void a_connection_over_ipv6_is_found(void **state)
{
	(void)state;
	both_ends_are_found(AF_INET6, "::1", "::1", 6);
}

static void ipv4_between_sockets_of_ipv6_is_found(void **state)
{
	(void)state;
	both_ends_are_found(AF_INET6, "127.0.0.1", "::ffff:127.0.0.1", 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_tells_two_connections_between_the_same_ports),
		cmocka_unit_test(a_listener_on_the_port_makes_it_a_server),
		cmocka_unit_test(a_connection_over_ipv4_is_found),
		cmocka_unit_test(a_connection_over_ipv6_is_found),
		cmocka_unit_test(ipv4_between_sockets_of_ipv6_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
